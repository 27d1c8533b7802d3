import Configuration
import Devices
import GuestMemory
import Host
import Virtio

/// The virtio console's queues, as a port whose bytes are moved. It belongs to the event loop's thread.
final class ConsolePort: CharacterPort {
    let unit: VirtioUnit<VirtioConsole>
    let event: EventDescriptor
    private let warnings: DeviceWarnings

    /// - Parameter size: of the terminal at the other end; nil for none.
    init(
        window: MachineLayout.VirtioWindow, memory: GuestMemory, size: VirtioConsole.Size?, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(SystemCallError) {
        let event = try EventDescriptor()
        self.event = event
        warnings = DeviceWarnings(about: "console", loop: loop, events: events)
        unit = try VirtioUnit(
            VirtioConsole(size: size, onEmergency: { event.signal() }), window: window, memory: memory)
    }

    func process(queue index: Int) {
        warnings.warn(unit.transport.processQueue(index))
    }

    func takeOutput(limit: Int) -> [UInt8] {
        let output = nextOutput(limit)
        guard output.isEmpty else { return output }
        // There may be more for which there was no room.
        process(queue: VirtioConsole.transmitQueue)
        return nextOutput(limit)
    }

    private func nextOutput(_ limit: Int) -> [UInt8] {
        unit.transport.withDevice { device in
            var bytes: [UInt8] = []
            device.takeOutput(upTo: limit, appendingTo: &bytes)
            return bytes
        }
    }

    func receive(_ bytes: [UInt8]) -> Int {
        var taken = 0
        var count = 0
        repeat {
            count = unit.transport.withDevice { $0.receive(bytes.dropFirst(taken)) }
            taken += count
            process(queue: VirtioConsole.receiveQueue)
            // What the guest has room for makes room here.
        } while count > 0 && taken < bytes.count
        return taken
    }
}
