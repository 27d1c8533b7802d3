import CLinux
import SystemPackage

/// Signals to the process, read from a descriptor instead of interrupting it (`signalfd(2)`).
public struct SignalDescriptor: ~Copyable, Sendable {
    private let owned: OwnedFileDescriptor

    /// The descriptor to wait for; valid as long as this value lives.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// Blocks the signals in the calling thread and in those that it starts from now on.
    public init(_ signals: [CInt]) throws(SystemCallError) {
        owned = try OwnedFileDescriptor(
            result: Int(unsafe cl_signal_descriptor(signals, CInt(signals.count))), of: "signalfd")
    }

    /// The number of the next signal; nil when none is pending.
    public func next() -> CInt? {
        let signal = cl_next_signal(owned.rawValue)
        return signal > 0 ? signal : nil
    }
}

/// Keeps signals that ask the process to end waiting, in this thread and across `exec`, until a `SignalDescriptor` of
/// the program that follows reads them.
public func deferTermination() {
    let signals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT]
    _ = unsafe cl_block_signals(signals, CInt(signals.count))
}

/// Makes a write to a peer that is gone an error of that write instead of the end of the process (SIGPIPE).
public func ignoreBrokenPipes() {
    cl_ignore_broken_pipes()
}

/// Has the calling process end by a signal, or stop, as if it did not handle that: whoever waits for it is told so.
/// Returns after a stop, or at once where the kernel stops nobody, because no shell could let the process go on.
public func takeDefaultAction(of signal: CInt) {
    cl_take_default_action(signal)
}
