import Configuration
import DiskIO
import Devices
import GuestMemory
import Host
import SystemPackage
import Virtio

/// A disk in its place in a machine. It belongs to the event loop's thread.
final class DiskUnit: DeviceUnit {
    private let unit: VirtioUnit<VirtioBlock>
    private let file: OwnedFileDescriptor
    private let warnings: DeviceWarnings
    private var announced: DiskProblem?

    var place: any VirtioPlace { unit }

    init(
        _ disk: Disk, window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        warnings = DeviceWarnings(about: disk.id, loop: loop, events: events)
        file = try Self.open(disk)
        let descriptor = file.descriptor
        do throws(SystemCallError) {
            var engines: [any DiskEngine] = []
            for _ in 0..<disk.queueCount {
                engines.append(try Self.makeEngine(descriptor, capacity: Int(disk.queueSize)))
            }
            let ends = engines.map(\.completions)
            let device = VirtioBlock(try Self.configuration(of: disk, descriptor), engines: engines, memory: memory)
            unit = try VirtioUnit(device, window: window, memory: memory)
            try unit.serve(
                on: loop,
                onQueue: { [unowned self] index in tell(unit.transport.processQueue(index)) }, onDriver: {})
            for (index, end) in ends.enumerated() {
                _ = try loop.add(end, .readable) { [unowned self] _ in complete(queue: index) }
            }
        } catch {
            throw .host(error)
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
        tell(
            unit.transport.withQueue(index) { (device, queue) throws(VirtqueueError) in
                try device.complete(queue: index, queue)
            })
    }

    /// Says what went wrong, once for each new reason: a guest repeats its requests.
    private func tell(_ failure: VirtqueueError?) {
        warnings.warn(failure)
        let problem = unit.transport.withDevice { $0.problem }
        guard problem != announced else { return }
        announced = problem
        if let problem {
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
