import Configuration
import Host
import MachineLog
import SystemPackage

/// The process's log, at one or several places. Lines are dropped where nobody takes them: a guest can cause many. It
/// belongs to the main loop.
final class Log {
    private struct Place {
        let destination: LogDestination
        let output: OutputStream
    }

    private let machine: String
    private let places: [Place]

    /// Milliseconds that a reader of the last lines is waited for.
    private static let patience: UInt64 = 200

    /// - Parameter machine: its name, which stands in lines that are objects.
    init(_ destinations: [LogDestination], machine: String, loop: EventLoop) {
        self.machine = machine
        places = destinations.map {
            Place(destination: $0, output: OutputStream(FileDescriptor(rawValue: $0.descriptor), loop: loop))
        }
    }

    /// Writes a line where it matters enough.
    func write(_ entry: LogEntry) {
        for place in places where entry.level >= place.destination.level && !place.output.isCongested {
            place.output.write(entry.line(place.destination.format, machine: machine))
        }
    }

    /// Lets the last lines out, at the end of the process.
    func finish() {
        for place in places {
            place.output.flush(patience: Self.patience)
        }
    }
}
