/// Something that goes wrong in the host.
public enum Fault: Sendable, Equatable {
    /// The machine's process is killed.
    case kill
    /// The machine's process gets no processor for so many milliseconds.
    case freeze(UInt64)
    /// The machine's process has so many bytes of memory at most (a control group); nil for no limit.
    case memoryLimit(UInt64?)
}
