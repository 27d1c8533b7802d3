import Configuration
import Devices
import GuestMemory
import Host
import Virtio

/// The balloon in its place in a machine. It belongs to the event loop's thread.
final class BalloonUnit: DeviceUnit {
    private let unit: VirtioUnit<VirtioBalloon>
    private let memorySize: () -> UInt64
    private let loop: EventLoop
    private let events: @Sendable (MachineEvent) -> Void
    /// Signalled when the guest says how much is in the balloon.
    private let actual: EventDescriptor
    private let warnings: DeviceWarnings
    private var announcedFailure: SystemCallError?
    /// What was told last of what is in the balloon, in bytes.
    private var announcedSize: UInt64 = 0
    private var isWaiting = false

    var place: any VirtioPlace { unit }

    /// Milliseconds between two changes of the balloon that are told: a guest makes many on its way.
    private static let interval: UInt64 = 1_000

    /// - Parameters:
    ///   - parts: what of the guest's memory can be given back.
    ///   - memorySize: how many bytes of memory the guest has now, with what is in the balloon.
    init(
        _ balloon: Balloon, parts: [any ReclaimablePart], memorySize: @escaping () -> UInt64,
        window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.memorySize = memorySize
        self.loop = loop
        self.events = events
        warnings = DeviceWarnings(about: "balloon", loop: loop, events: events)
        do throws(SystemCallError) {
            let actual = try EventDescriptor()
            self.actual = actual
            var device = VirtioBalloon(
                memory: ReclaimableMemory(parts), deflatesOnOutOfMemory: balloon.deflatesOnOutOfMemory,
                reportsFreePages: balloon.reportsFreePages, onActual: { actual.signal() })
            device.setTarget(Self.pages(of: balloon.size))
            unit = try VirtioUnit(device, window: window, memory: memory)
            try unit.serve(on: loop, onQueue: { [unowned self] in process(queue: $0) }, onDriver: {})
            _ = try loop.add(actual.descriptor, .readable) { [unowned self] _ in
                self.actual.drain()
                tellSize()
            }
        } catch {
            throw .host(error)
        }
    }

    /// Asks the guest to have that much in the balloon that so many bytes are left to it; all of them where it has not
    /// got more.
    func setRemaining(_ size: UInt64) {
        let memory = memorySize()
        let target = Self.pages(of: memory - min(size, memory))
        unit.transport.withDevice { $0.setTarget(target) }
        unit.transport.configurationChanged()
    }

    var status: BalloonStatus {
        let (target, actual) = unit.transport.withDevice { ($0.target, $0.actual) }
        return BalloonStatus(
            target: UInt64(target) * VirtioBalloon.pageSize, size: UInt64(actual) * VirtioBalloon.pageSize,
            memory: memorySize())
    }

    private static func pages(of size: UInt64) -> UInt32 {
        UInt32(clamping: size / VirtioBalloon.pageSize)
    }

    private func process(queue index: Int) {
        warnings.warn(unit.transport.processQueue(index))
        let (hasMore, failure) = unit.transport.withDevice { ($0.hasMore(queue: index), $0.failure) }
        // A queue that the driver took away has nothing more, whatever was left over.
        if hasMore, unit.transport.isUsable(index) {
            // Others have their turn first.
            unit.queues.notify(queue: index)
        }
        guard failure != announcedFailure else { return }
        announcedFailure = failure
        if let failure {
            warnings.warn("the host does not take memory back that the guest gives: \(failure)")
        }
    }

    private func tellSize() {
        guard !isWaiting else { return }
        let status = status
        guard status.size != announcedSize else { return }
        announcedSize = status.size
        events(.balloonChanged(status))
        isWaiting = true
        loop.schedule(afterMilliseconds: Self.interval) { [unowned self] in
            isWaiting = false
            tellSize()
        }
    }
}
