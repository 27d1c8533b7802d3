import Configuration
import Devices
import GuestMemory
import Host
import Virtio

/// The entropy device in its place in a machine. It belongs to the event loop's thread.
final class EntropyUnit: DeviceUnit {
    private let unit: VirtioUnit<VirtioEntropy>
    private let warnings: DeviceWarnings

    var place: any VirtioPlace { unit }

    init(
        window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        warnings = DeviceWarnings(about: "rng", loop: loop, events: events)
        do throws(SystemCallError) {
            unit = try VirtioUnit(VirtioEntropy(), window: window, memory: memory)
            try unit.serve(
                on: loop, onQueue: { [unowned self] in warnings.warn(unit.transport.processQueue($0)) }, onDriver: {})
        } catch {
            throw .host(error)
        }
    }
}
