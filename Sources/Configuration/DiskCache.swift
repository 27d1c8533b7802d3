/// What becomes of what a guest writes to a disk until it has it flushed.
public enum DiskCache: String, Sendable, CaseIterable, OptionChoice {
    /// It may be in the host's memory; what was flushed is on the disk.
    case writeback
    /// Flushes are ignored: what a guest wrote is lost when the host goes down.
    case unsafe
}
