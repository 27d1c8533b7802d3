import Configuration
import DiskIO
import Devices
import GuestMemory
import Host
import SystemPackage
import Virtio

/// A disk in its place in a machine. It belongs to the event loop's thread.
final class DiskUnit: DeviceUnit {
    let unit: VirtioUnit<VirtioBlock>
    private let file: OwnedFileDescriptor
    /// For each queue's deadline, and what it was last set to.
    private var timers: [(timer: TimerDescriptor, time: MonotonicInstant?)] = []
    private let warnings: DeviceWarnings
    private var announced: DiskProblem?

    var place: any VirtioPlace { unit }

    convenience init(
        _ disk: Disk, window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        let file = try Self.open(disk)
        let descriptor = file.descriptor
        do throws(SystemCallError) {
            try self.init(
                try Self.configuration(of: disk, descriptor), file: file, window: window, memory: memory, loop: loop,
                warnings: DeviceWarnings(about: disk.id, loop: loop, events: events)
            ) { () throws(SystemCallError) in
                try Self.makeEngine(descriptor, capacity: Int(disk.queueSize))
            }
        } catch {
            throw .host(error)
        }
    }

    /// - Parameters:
    ///   - file: what the engines work on.
    ///   - makeEngine: makes one for each queue.
    init(
        _ configuration: VirtioBlockConfiguration, file: consuming OwnedFileDescriptor,
        window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop, warnings: DeviceWarnings,
        _ makeEngine: () throws(SystemCallError) -> any DiskEngine
    ) throws(SystemCallError) {
        self.file = file
        self.warnings = warnings
        var engines: [any DiskEngine] = []
        for _ in 0..<configuration.queueCount {
            engines.append(try makeEngine())
            timers.append((try TimerDescriptor(), nil))
        }
        let ends = engines.map(\.completions)
        let device = VirtioBlock(configuration, engines: engines, memory: memory)
        unit = try VirtioUnit(device, window: window, memory: memory)
        try unit.serve(
            on: loop,
            onQueue: { [unowned self] index in go(on: index, after: unit.transport.processQueue(index)) },
            onDriver: {})
        for (index, end) in ends.enumerated() {
            let deadline = timers[index].timer.descriptor
            _ = try loop.add(end, .readable) { [unowned self] _ in complete(queue: index) }
            _ = try loop.add(deadline, .moreReadable) { [unowned self] _ in complete(queue: index) }
        }
    }

    deinit {
        // What the kernel still does for the guest ends before the guest's memory does.
        unit.transport.withDevice { $0.reset() }
    }

    /// Gives the guest what the host has done for it.
    private func complete(queue index: Int) {
        // The guest may have taken a queue away that something was under way for.
        guard unit.transport.isUsable(index) else {
            return unit.transport.withDevice { $0.dropCompletions(queue: index) }
        }
        go(
            on: index,
            after: unit.transport.withQueue(index) { (device, queue) throws(VirtqueueError) in
                try device.complete(queue: index, queue)
            })
    }

    /// Sees to a queue's next turn, and says what went wrong, once for each new reason: a guest repeats its requests.
    private func go(on index: Int, after failure: VirtqueueError?) {
        warnings.warn(failure)
        let outcome = unit.transport.withDevice { $0.outcome(ofQueue: index) }
        if let deadline = outcome.deadline, deadline != timers[index].time {
            timers[index].time = deadline
            timers[index].timer.set(to: deadline)
        }
        guard outcome.problem != announced else { return }
        announced = outcome.problem
        if let problem = outcome.problem {
            warnings.warn("\(problem); the guest gets an I/O error")
        }
    }

    /// io_uring, unless the host has none, or refuses it.
    private static func makeEngine(
        _ file: FileDescriptor, capacity: Int
    ) throws(SystemCallError) -> any DiskEngine {
        if let engine = try? UringEngine(disk: file, capacity: capacity) { return engine }
        return try ThreadEngine(disk: file)
    }

    private static func open(_ disk: Disk) throws(MachineError) -> OwnedFileDescriptor {
        do throws(DiskFileError) {
            guard let descriptor = disk.descriptor else {
                return try DiskFile.open(FilePath(disk.path), writes: !disk.isReadOnly, direct: disk.isDirect)
            }
            do throws(SystemCallError) {
                return try OwnedFileDescriptor(duplicating: FileDescriptor(rawValue: descriptor))
            } catch {
                throw .host(error)
            }
        } catch {
            throw .configuration(ConfigurationError("--disk \(disk.id)", "path \(disk.path): \(error)"))
        }
    }

    private static func configuration(
        of disk: Disk, _ file: FileDescriptor
    ) throws(SystemCallError) -> VirtioBlockConfiguration {
        do throws(DiskFileError) {
            let state = try DiskFile(file, direct: disk.isDirect)
            return VirtioBlockConfiguration(
                size: state.size, blockSize: state.blockSize, isReadOnly: disk.isReadOnly, discards: disk.discards,
                ignoresFlushes: disk.cache == .unsafe, isCached: !disk.isDirect, serial: disk.serial,
                queueCount: disk.queueCount, queueSize: disk.queueSize)
        } catch {
            if case .host(let error) = error { throw error }
            // What was no disk was refused when it was opened.
            throw SystemCallError("open", .ioError, subject: disk.path)
        }
    }
}
