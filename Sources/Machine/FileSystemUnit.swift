import Configuration
import Devices
import GuestMemory
import Host
import SystemPackage
import VhostUser
import Virtio

/// A directory of the host in its place in a machine: the device, the connection to who serves it, and what is said about
/// that. It belongs to the event loop's thread.
final class FileSystemUnit: DeviceUnit {
    let backend: VhostUserBackend
    private let unit: VirtioUnit<VirtioFS>
    private let loop: EventLoop
    private let warnings: DeviceWarnings
    /// What virtiofsd says keeps nobody from hearing of its end.
    private let messageWarnings: DeviceWarnings
    private let messages: ServerMessages?
    /// The connection that is waited for.
    private var watched: (ends: VhostUserBackend.Ends, tokens: [EventLoop.Token])?
    /// Whether the back-end is looked at again after a while.
    private var looksAgain = false
    private var driver = DriverState.absent

    /// Milliseconds until a back-end that somebody talks to is looked at again.
    private static let lookDelay: UInt64 = 50

    var place: any VirtioPlace { unit }

    /// - Parameter changesMemory: whether the machine has memory that comes and goes.
    init(
        _ fileSystem: FileSystem, changesMemory: Bool, window: MachineLayout.VirtioWindow, memory: GuestMemory,
        loop: EventLoop, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.loop = loop
        warnings = DeviceWarnings(about: fileSystem.id, loop: loop, events: events)
        messageWarnings = DeviceWarnings(about: fileSystem.id, loop: loop, events: events)
        let queueCount = fileSystem.queueCount + 1
        messages = fileSystem.messages.flatMap { try? ServerMessages(FileDescriptor(rawValue: $0)) }
        do throws(VhostUserError) {
            backend = try VhostUserBackend(
                try Self.connect(fileSystem), path: fileSystem.socketPath.map { FilePath($0) },
                requirements: .init(
                    features: VirtioFeature.ofQueues, queueCount: queueCount, changesMemory: changesMemory))
        } catch {
            let reason = messages?.read().map { ": \($0)" } ?? ""
            throw .configuration(ConfigurationError(fileSystem.option, error.description + reason))
        }
        do throws(SystemCallError) {
            let (call, queues) = (try EventDescriptor(), try QueueEvents(count: queueCount))
            let device = VirtioFS(
                backend, tag: fileSystem.tag, queueSize: fileSystem.queueSize, memory: memory, kicks: queues.events,
                call: call)
            unit = VirtioUnit(
                device, window: window, memory: memory, interrupt: InterruptEvent(by: call), queues: queues)
            try unit.serveElsewhere(on: loop) { [unowned self] in look() }
        } catch {
            throw .host(error)
        }
        look()
        if let messages {
            try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
                try messages.forEach(on: loop) { [unowned self] text in
                    messageWarnings.warn("virtiofsd says: \(text)")
                }
            }
        }
    }

    /// The connection that was opened for it, or a new one.
    private static func connect(_ fileSystem: FileSystem) throws(VhostUserError) -> MessageSocket {
        guard fileSystem.descriptor != nil || fileSystem.socketPath != nil else {
            throw .lacks("a process: whoever makes the machine starts virtiofsd, and gives the connection")
        }
        do throws(SystemCallError) {
            guard let path = fileSystem.socketPath, fileSystem.descriptor == nil else {
                return MessageSocket(
                    try OwnedFileDescriptor(duplicating: FileDescriptor(rawValue: fileSystem.descriptor ?? -1)))
            }
            return try MessageSocket(connectingTo: FilePath(path))
        } catch {
            throw .host(error)
        }
    }

    /// Waits for the connection as it is now: a driver that begins may have got another one.
    private func watch(_ ends: VhostUserBackend.Ends) {
        guard ends.socket !== watched?.ends.socket else { return }
        unwatch()
        let tokens = [ends.socket.descriptor, ends.errors.descriptor].compactMap { descriptor in
            try? loop.add(descriptor, .moreReadable) { [unowned self] _ in look() }
        }
        watched = (ends, tokens)
        // A host that lacks something for the moment may have it later.
        if tokens.count < 2 {
            unwatch()
            lookLater()
        }
    }

    /// Forgets the connection.
    private func unwatch() {
        watched?.tokens.forEach(loop.remove)
        watched = nil
    }

    /// Looks what has become of the back-end, and of the driver.
    private func look() {
        // While a vCPU waits for the back-end, the transport is taken, too.
        guard let finding = backend.look() else { return lookLater() }
        if let ends = finding.ends { watch(ends) }
        if let failure = finding.failure {
            unwatch()
            warnings.warn("\(failure): the device needs a reset, and what the guest does there waits")
            unit.transport.breakDown(.unserved)
        }
        let new = unit.transport.driver
        guard new != driver else { return }
        driver = new
        if case .needsReset(let error) = new, error != .unserved {
            warnings.warn(error)
        }
    }

    private func lookLater() {
        guard !looksAgain else { return }
        looksAgain = true
        loop.schedule(afterMilliseconds: Self.lookDelay) { [unowned self] in
            looksAgain = false
            look()
        }
    }

    func systemReset() {
        // It waits for the back-end, which may use the guest's memory until it has stopped.
        place.systemReset()
        driver = .absent
        look()
    }
}
