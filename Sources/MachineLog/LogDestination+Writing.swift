import Configuration
import Host
import SystemPackage

/// Milliseconds that whoever reads a log has to take a line.
private let logPatience: UInt64 = 5_000

extension [LogDestination] {
    /// Writes a line, and waits until it is out, a few seconds at most: for a process that has no loop, yet or any more.
    ///
    /// - Parameter machine: its name, which stands in lines that are objects.
    public func writeNow(_ entry: LogEntry, machine: String) {
        for destination in self where entry.level >= destination.level {
            let descriptor = FileDescriptor(rawValue: destination.descriptor)
            guard ByteStream.waitUntilWritable(descriptor, milliseconds: logPatience) else { continue }
            // Where even that is gone, nobody is there to be told.
            _ = try? descriptor.writeAll(entry.line(destination.format, machine: machine).utf8)
        }
    }
}
