import Configuration
import Host
import SystemPackage

extension [LogDestination] {
    /// Writes a line, and waits until it is out: for a process that has no loop, yet or any more.
    ///
    /// - Parameter machine: its name, which stands in lines that are objects.
    public func writeNow(_ entry: LogEntry, machine: String) {
        for destination in self where entry.level >= destination.level {
            // Where even that is gone, nobody is there to be told.
            _ = try? FileDescriptor(rawValue: destination.descriptor).writeAll(
                entry.line(destination.format, machine: machine).utf8)
        }
    }
}
