import Configuration
import Glibc
import Host
import KernelLayout
import Synchronization
import SystemPackage
import Testing

@testable import Machine

/// A machine with a hand-written guest, whose serial port and events the test has.
final class TestMachine {
    /// What happened in the machine, in order.
    private final class Log: Sendable {
        let events = Mutex<[MachineEvent]>([])
    }

    let machine: Machine
    private let kernel: OwnedFileDescriptor
    private let ours: OwnedFileDescriptor
    private let theirs: OwnedFileDescriptor
    private let log: Log
    private var received: [UInt8] = []

    /// Milliseconds that a guest has for what it has to do: a host that is busy, or emulated and waited for by others,
    /// stands still for seconds now and then.
    static let patience: UInt64 = 60_000

    /// Whether `/dev/kvm` opens, so that guests can run at all.
    static let isPossible = access("/dev/kvm", R_OK | W_OK) == 0

    /// Whether KVM is the software one, which runs a guest's CPL 0 in its instruction emulator.
    static let isSoftware = access("/sys/module/kvm_pvm", F_OK) == 0

    /// - Parameters:
    ///   - channel: what the serial port is connected to instead of the test.
    ///   - console: what the virtio console is connected to, if there is one.
    convenience init(
        _ program: GuestProgram, configuration: MachineConfiguration = TestMachine.configuration(),
        channel: CharacterChannel? = nil, console: ConsoleEnd = ConsoleEnd(.null)
    ) throws {
        try self.init(image: program.image, configuration: configuration, channel: channel, console: console)
    }

    /// The same, with what is loaded at `GuestProgram.address` and entered there.
    init(
        image: [UInt8], configuration: MachineConfiguration = TestMachine.configuration(),
        channel: CharacterChannel? = nil, console: ConsoleEnd = ConsoleEnd(.null)
    ) throws {
        try Machine.installProcessHandlers()
        ignoreBrokenPipes()
        let (first, second) = try makeByteChannel()
        ours = OwnedFileDescriptor(first)
        theirs = OwnedFileDescriptor(second)
        Self.limitBuffer(of: second)
        kernel = try Self.makeKernel(image)
        let log = Log()
        self.log = log
        machine = try Machine(
            configuration, boot: Self.boot(kernel.descriptor, size: image.count),
            serial: channel ?? .stream(second), console: console
        ) { event in
            log.events.withLock { $0.append(event) }
        }
    }

    deinit {
        // Before the descriptors that it uses are closed.
        machine.stop()
    }

    /// The least that a machine can have.
    static func configuration(
        processors: ProcessorTopology = 1, devices: [MemoryDevice] = [], onReboot: RebootAction = .reset
    ) -> MachineConfiguration {
        MachineConfiguration(
            processors: processors, memory: .mebibytes(2), memoryDevices: devices, onReboot: onReboot)
    }

    static func makeKernel(_ image: [UInt8]) throws -> OwnedFileDescriptor {
        let file = try OwnedFileDescriptor(memoryFile: "guest")
        try file.descriptor.write(all: image[...])
        return file
    }

    static func boot(_ kernel: FileDescriptor, size: Int) -> BootSource {
        let segment = KernelLayout.Segment(
            fileOffset: 0, fileSize: UInt64(size), address: GuestProgram.address, memorySize: UInt64(size))
        return BootSource(kernel: kernel, layout: KernelLayout(entry: GuestProgram.address, segments: [segment]))
    }

    /// Takes the kernel away that the next reset wants to load.
    func truncateKernel() throws {
        #expect(ftruncate(kernel.rawValue, 0) == 0)
    }

    /// Makes a slow reader felt after a few KiB.
    static func limitBuffer(of socket: FileDescriptor) {
        var size: CInt = 8192
        setsockopt(socket.rawValue, SOL_SOCKET, SO_SNDBUF, &size, 4)
    }

    // MARK: The serial port

    /// What the guest wrote, as soon as it is so many bytes, or as much as there is after some time.
    func output(_ count: Int, withinMilliseconds limit: UInt64 = TestMachine.patience) throws -> String {
        String(decoding: try outputBytes(count, withinMilliseconds: limit), as: UTF8.self)
    }

    func outputBytes(_ count: Int, withinMilliseconds limit: UInt64 = TestMachine.patience) throws -> [UInt8] {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: limit)
        while received.count < count {
            let rest = MonotonicInstant.now().milliseconds(until: deadline)
            var wait = pollfd(fd: ours.rawValue, events: Int16(POLLIN), revents: 0)
            guard rest > 0, poll(&wait, 1, CInt(rest)) == 1 else { break }
            guard case .bytes(let bytes) = try ByteStream.read(ours.descriptor, limit: 1 << 16) else { break }
            received += bytes
        }
        return received
    }

    /// Everything that the guest has written by now, and since this was last asked.
    func drainOutput() throws -> Int {
        while case .bytes(let bytes) = try ByteStream.read(ours.descriptor, limit: 1 << 16) { received += bytes }
        defer { received = [] }
        return received.count
    }

    func send(_ bytes: [UInt8]) throws {
        try ours.descriptor.write(all: bytes[...])
    }

    // MARK: Events

    /// What the machine told, but whether it runs.
    var events: [MachineEvent] {
        allEvents.filter { $0 != .resumed && $0 != .paused }
    }

    var allEvents: [MachineEvent] {
        log.events.withLock { $0 }
    }

    /// Waits until there is such an event.
    @discardableResult
    func waitForEvent(
        withinMilliseconds limit: UInt64 = TestMachine.patience, sourceLocation: SourceLocation = #_sourceLocation,
        _ isWanted: (MachineEvent) -> Bool
    ) -> MachineEvent? {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: limit)
        while MonotonicInstant.now() < deadline {
            if let event = events.first(where: isWanted) { return event }
            usleep(1000)
        }
        Issue.record("no such event among \(events)", sourceLocation: sourceLocation)
        return nil
    }

    /// Why the machine ended; nil where it does not within some time.
    func end(
        withinMilliseconds limit: UInt64 = TestMachine.patience, sourceLocation: SourceLocation = #_sourceLocation
    ) -> MachineEnd? {
        let event = waitForEvent(withinMilliseconds: limit, sourceLocation: sourceLocation) { event in
            if case .ended = event { true } else { false }
        }
        guard case .ended(let reason) = event else { return nil }
        #expect(machine.waitUntilEnded() == reason, sourceLocation: sourceLocation)
        return reason
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test, visibly, where no guest can run.
    static var needsKVM: Self {
        .enabled(if: TestMachine.isPossible, "/dev/kvm does not open here")
    }

    /// Skips a test of many exits, visibly, in the emulated host, where each takes milliseconds.
    static var needsSpeed: Self {
        .disabled(if: environmentVariable("KVM_HOST") == "emulated", "the emulated host is too slow")
    }
}

/// Runs something that may block for ever, on a thread of its own.
///
/// - Returns: milliseconds that it took; nil where it is not done after so many.
func duration(limit: UInt64 = TestMachine.patience, _ body: sending @escaping () -> Void) throws -> UInt64? {
    let done = try EventDescriptor()
    let start = MonotonicInstant.now()
    _ = try Thread(name: "timed") {
        body()
        done.signal()
    }
    var wait = pollfd(fd: done.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, CInt(limit)) == 1 else { return nil }
    return start.milliseconds(until: .now())
}
