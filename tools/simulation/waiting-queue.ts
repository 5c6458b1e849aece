/**
 * Waiting requests in order of arrival, which is the order of their numbers.
 *
 * Preempted requests come first: they are older than all requests that were never scheduled.
 */
export class WaitingQueue {
  readonly #arrival: Float64Array
  /** The next request to resume is the last element. */
  readonly #preempted: number[] = []
  /** Requests from here to `#arrived` have arrived and were never scheduled. */
  #fresh = 0
  #arrived = 0

  /** @param arrival time of arrival by request, in order. */
  constructor(arrival: Float64Array) {
    this.#arrival = arrival
  }

  /** Number of waiting requests. */
  get length(): number {
    return this.#preempted.length + this.#arrived - this.#fresh
  }

  /** Requests that have not arrived yet. */
  get expected(): number {
    return this.#arrival.length - this.#arrived
  }

  /** Time of the next arrival; infinity after the last one. */
  get nextArrival(): number {
    return this.#arrival[this.#arrived] ?? Number.POSITIVE_INFINITY
  }

  /** The request to schedule next; `undefined` if no request waits. */
  get head(): number | undefined {
    return this.#preempted.at(-1) ?? (this.#fresh < this.#arrived ? this.#fresh : undefined)
  }

  /** Adds the requests that arrive until `time`. */
  arriveUntil(time: number): void {
    while (this.nextArrival <= time) this.#arrived++
  }

  /** Removes the head. @returns whether it was preempted before. */
  shift(): boolean {
    if (this.#preempted.pop() !== undefined) return true
    this.#fresh++
    return false
  }

  /** Puts a preempted request back. The newest request is preempted first, so the oldest ends up at the head. */
  unshift(request: number): void {
    this.#preempted.push(request)
  }

  /** Removes a preempted request, wherever it is. */
  remove(request: number): void {
    const position = this.#preempted.indexOf(request)
    if (position >= 0) this.#preempted.splice(position, 1)
  }

  /** Removes expired requests. Age follows the order of arrival, so the unscheduled ones expire from the front. */
  expire(expired: (request: number) => boolean): void {
    let kept = 0
    for (const request of this.#preempted) if (!expired(request)) this.#preempted[kept++] = request
    this.#preempted.length = kept
    while (this.#fresh < this.#arrived && expired(this.#fresh)) this.#fresh++
  }

  /** Removes all requests, including those that have not arrived yet. @returns their number. */
  clear(): number {
    const count = this.length + this.expected
    this.#preempted.length = 0
    this.#arrived = this.#arrival.length
    this.#fresh = this.#arrived
    return count
  }
}
