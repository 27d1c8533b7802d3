import Console
import Glibc
import Host
import SystemPackage

/// This terminal, for as long as it shows a machine's serial port.
final class ConsoleClient {
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private var console: Console?
    /// Whether the other end of the port is gone.
    private(set) var isHungUp = false

    /// - Parameters:
    ///   - port: the serial port's other end; it does not block.
    ///   - name: the machine's.
    init(port: FileDescriptor, name: String) throws(SystemCallError) {
        loop = try EventLoop()
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT])
        let texts = ConsoleTexts(
            quitting: "leave; the machine goes on", switching: nil,
            withoutSession: "the monitor is elsewhere: swiftlet monitor \(name)")
        console = try Console(
            guest: port, loop: loop, texts: texts, onQuit: { [unowned self] in loop.stop() },
            onHangUp: { [unowned self] in
                isHungUp = true
                loop.stop()
            })
    }

    /// Shows the port until a person leaves, a signal comes, or the other end is gone.
    func run() throws(SystemCallError) {
        let token = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        defer { loop.remove(token) }
        console?.start()
        try loop.run()
        console?.finish()
    }

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGTSTP:
                console?.suspend()
                raise(SIGSTOP)
            case SIGCONT: console?.resume()
            default: loop.stop()
            }
        }
    }
}
