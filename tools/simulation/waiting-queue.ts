/**
 * Requests that wait, in order of arrival, which is the order of their numbers.
 *
 * Preempted requests stand before those that were never scheduled: they are older than all of them.
 */
export class WaitingQueue {
  readonly #arrival: Float64Array
  /** The next to be resumed stands last. */
  readonly #preempted: number[] = []
  /** Requests from here up to `#arrived` were never scheduled. */
  #fresh = 0
  #arrived = 0

  constructor(arrival: Float64Array) {
    this.#arrival = arrival
  }

  get length(): number {
    return this.#preempted.length + this.#arrived - this.#fresh
  }

  /** Requests that have not arrived yet. */
  get expected(): number {
    return this.#arrival.length - this.#arrived
  }

  /** When the next request arrives; infinity after the last. */
  get nextArrival(): number {
    return this.#arrival[this.#arrived] ?? Number.POSITIVE_INFINITY
  }

  /** The request to be scheduled next; `undefined` when none waits. */
  get head(): number | undefined {
    return this.#preempted.at(-1) ?? (this.#fresh < this.#arrived ? this.#fresh : undefined)
  }

  arriveUntil(time: number): void {
    while (this.nextArrival <= time) this.#arrived++
  }

  /** Takes the head. @returns whether it was preempted before. */
  shift(): boolean {
    if (this.#preempted.pop() !== undefined) return true
    this.#fresh++
    return false
  }

  /** Puts a preempted request back; the newest is preempted first, so that the oldest ends up in front. */
  unshift(request: number): void {
    this.#preempted.push(request)
  }

  /** Removes the requests that `expired` names. They are the oldest: among those never scheduled, the first ones. */
  expire(expired: (request: number) => boolean): void {
    let kept = 0
    for (const request of this.#preempted) if (!expired(request)) this.#preempted[kept++] = request
    this.#preempted.length = kept
    while (this.#fresh < this.#arrived && expired(this.#fresh)) this.#fresh++
  }

  /** Drops everybody, those who have not arrived yet included. @returns how many there were. */
  clear(): number {
    const count = this.length + this.expected
    this.#preempted.length = 0
    this.#arrived = this.#arrival.length
    this.#fresh = this.#arrived
    return count
  }
}
