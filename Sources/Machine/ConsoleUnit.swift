import Configuration
import Devices
import GuestMemory
import Host
import Virtio

/// The virtio console in its place in a machine. It belongs to the event loop's thread.
final class ConsoleUnit: DeviceUnit {
    private let port: ConsolePort
    private let pump: CharacterPump

    var place: any VirtioPlace { port.unit }

    /// - Parameter end: where the console leads.
    init(
        _ end: ConsoleEnd, window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        do throws(SystemCallError) {
            port = try ConsolePort(window: window, memory: memory, size: end.size, loop: loop, events: events)
            pump = try CharacterPump(port, end.channel, option: "--console", loop: loop, events: events)
            try port.unit.serve(
                on: loop,
                onQueue: { [unowned self] index in
                    port.process(queue: index)
                    pump.transfer()
                },
                onDriver: { [unowned self] in
                    guard end.size != nil, case .running = port.unit.transport.driver else { return }
                    // Linux looks at the terminal's size only when it is told of a change.
                    port.unit.transport.configurationChanged()
                })
        } catch {
            throw .host(error)
        }
    }

    /// Offers the last output to the channel, before the machine is gone.
    ///
    /// - Parameter milliseconds: how long a reader that takes nothing is waited for.
    func flush(patience milliseconds: UInt64) {
        pump.flush(patience: milliseconds)
    }

    /// Tells the guest how large the terminal at the other end is now, where it had a size from the start.
    func setSize(_ size: VirtioConsole.Size) {
        if port.unit.transport.withDevice({ $0.setSize(size) }) {
            port.unit.transport.configurationChanged()
        }
    }
}
