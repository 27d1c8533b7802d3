import Host

/// The serial port in its place in a machine. It belongs to the event loop's thread.
final class SerialUnit {
    let port: SerialPort
    let interrupt = InterruptEvent()
    private let pump: CharacterPump

    init(
        _ channel: CharacterChannel, loop: EventLoop, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(SystemCallError) {
        port = try SerialPort(interrupt: interrupt)
        pump = try CharacterPump(port, channel, option: "--serial", loop: loop, events: events)
    }

    /// Offers the last output to the channel, before the machine is gone.
    ///
    /// - Parameter milliseconds: how long a reader that takes nothing is waited for.
    func flush(patience milliseconds: UInt64) {
        pump.flush(patience: milliseconds)
    }

    func systemReset() {
        port.systemReset()
    }
}
