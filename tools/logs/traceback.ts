/** Lines of a Python traceback or a backtrace of C++ or the kernel, wherever they are. */
const frame =
  /^\s*(?:File "|Traceback|[\^~]+\s*$|frame #\d+|#\d+ +0x|\d+# |Exception raised from|what\(\):|Call Trace:|<\/?TASK>|RIP: |R[A-Z0-9]{2}: [\da-f]|Code: [\da-f]|Modules linked in:|CPU: \d+ PID: |Hardware name:|---\[ |(?:RC|DCI?|UD) QP 0x|(?:\? )?[\w.]+\+0x[\da-f]+\/0x|\[0x)/
/** Headers and hints around an error. Hints name errors, but do not report them. */
const hint =
  /^\s*$|^# (?:HELP|TYPE) |^"echo 0 > \/proc\/sys\/kernel\/hung_task_timeout_secs" disables|^\s*\[?(?:Previous line repeated|The above exception was|During handling of the above|CUDA kernel errors might be|Device-side assertion tracking|Compile with `TORCH_USE_CUDA_DSA`)|^\s*(?:Note|Hint|Tip): |^\s*(?:For (?:debugging|more|further)|Search for|See (?:also|https?:|the )|Please |Check (?:that|the|if|your|whether) |Ensure |Make sure |Verify (?:that|the|your) |Set `?[A-Z]\w* to |(?:Increase|Reduce|Lower) (?:the|your|`)|Visit |(?:Upgrade|Downgrade|Install) (?:the|your|to|`)|Try |Consider |If (?:you|this)|To (?:avoid|fix|disable|enable|resolve)|You (?:can|may)|Refer to|Learn more|More (?:info|details)|This (?:may|might|can|could|typically|usually) )/i
/** A line of source code, which a traceback prints with indentation. */
const code =
  /^(?:raise|return|assert|await|yield|with|for|if|elif|else|try|except|finally|def|class|async|import|from|print|self|lambda|del|pass|while|logger|\*)\b|^[rbfu]{0,2}["']|^[@()[\]{}#+*.-]|^[\w.]+(?:\[[^\]]*\])?(?:, ?[\w.]+)*\s?(?:[-+*/|&]|:\s*\w+\s?)?=(?!=)\s*\S|^[A-Za-z_][\w.]*\(|[([{,]$/

/** Whether a message continues an error that another line reports: a frame, a line of source code, a hint. */
export function isContinuation(text: string): boolean {
  // The reasons of pydantic are indented; the value after them is a text of the user and not part of the message.
  const indented = /^(?: {2}|\t)(?!.*\[type=\w+,$)/.test(text)
  return frame.test(text) || hint.test(text) || (indented && code.test(text.trimStart()))
}

/** Follows the tracebacks of the processes of a log. */
export class TracebackReader {
  /** Processes whose latest line was part of a traceback. */
  readonly #open = new Set<string>()

  /** Whether a process is in a traceback. */
  get isOpen(): boolean {
    return this.#open.size > 0
  }

  /**
   * Reads the next line of a process.
   *
   * @returns whether it is the source code below a frame. The last line of a traceback, with the error, has no indentation.
   */
  reads(process: string, text: string): boolean {
    if (/^\s*(?:File "[^"]*", line \d+|Traceback \(most recent call last\))/.test(text)) {
      this.#open.add(process)
      return true
    }
    const inside = this.#open.has(process) && /^(?: {2}|\t|\s*$)/.test(text)
    if (!inside) this.#open.delete(process)
    return inside
  }
}
