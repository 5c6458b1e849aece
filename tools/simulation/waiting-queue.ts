/**
 * Waiting requests of one engine in order of arrival, which is the order of their numbers.
 *
 * Preempted requests come first: they are older than all requests that were never scheduled.
 */
export class WaitingQueue {
  readonly #arrival: Float64Array
  readonly #assigned: readonly number[] | undefined
  /** The next request to resume is the last element. */
  readonly #preempted: number[] = []
  /** Position among the requests of this engine: those from here to `#arrived` have arrived and were never scheduled. */
  #fresh = 0
  #arrived = 0

  /**
   * @param arrival time of arrival at the engine by request, in order.
   * @param assigned the requests that come to this engine, in order. More can be added at its end. Absent: all.
   */
  constructor(arrival: Float64Array, assigned?: readonly number[]) {
    this.#arrival = arrival
    this.#assigned = assigned
  }

  /** Number of waiting requests. */
  get length(): number {
    return this.#preempted.length + this.#arrived - this.#fresh
  }

  /** Requests that have not arrived yet. */
  get expected(): number {
    return this.#count - this.#arrived
  }

  /** Time of the next arrival; infinity after the last one. */
  get nextArrival(): number {
    return this.#arrival[this.#requestAt(this.#arrived)] ?? Number.POSITIVE_INFINITY
  }

  /** The request to schedule next; `undefined` if no request waits. */
  get head(): number | undefined {
    return this.#preempted.at(-1) ?? (this.#fresh < this.#arrived ? this.#requestAt(this.#fresh) : undefined)
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

  /**
   * Removes expired requests. The unscheduled ones expire from the front. Several API servers can let a younger request
   * overtake an older one, which then expires as soon as it is at the head.
   */
  expire(expired: (request: number) => boolean): void {
    let kept = 0
    for (const request of this.#preempted) if (!expired(request)) this.#preempted[kept++] = request
    this.#preempted.length = kept
    while (this.#fresh < this.#arrived && expired(this.#requestAt(this.#fresh))) this.#fresh++
  }

  /** Removes all requests, including those that have not arrived yet. @returns their number. */
  clear(): number {
    const count = this.length + this.expected
    this.#preempted.length = 0
    this.#arrived = this.#count
    this.#fresh = this.#arrived
    return count
  }

  get #count(): number {
    return this.#assigned?.length ?? this.#arrival.length
  }

  /** The request at a position; -1 after the last one. */
  #requestAt(position: number): number {
    return this.#assigned === undefined ? position : (this.#assigned[position] ?? -1)
  }
}
