import Glibc
import Host
import SystemPackage
import TestSupport
import Testing
import VhostUserTestSupport

@testable import VhostUser

/// A device's back-end, good and bad ones.
@Suite(.timeLimit(.minutes(2))) final class VhostUserBackendTests {
    private let backend: FakeBackend
    private let socket: MessageSocket
    private let file: OwnedFileDescriptor
    private let event: EventDescriptor
    private let chosen: UInt64 = 1 << 32 | 1 << 29

    init() throws {
        (backend, socket) = try FakeBackend.make()
        file = try OwnedFileDescriptor(memoryFile: "test")
        event = try EventDescriptor()
    }

    private func connect(
        queues: Int = 2, changesMemory: Bool = true, path: FilePath? = nil, patience: UInt64 = 2_000
    ) throws(VhostUserError) -> VhostUserBackend {
        try VhostUserBackend(
            socket, path: path,
            requirements: .init(
                features: 1 << 32 | 1 << 29 | 1 << 28, queueCount: queues, changesMemory: changesMemory),
            patience: patience)
    }

    private func part(_ address: UInt64) -> VhostUserMemoryPart {
        VhostUserMemoryPart(guestAddress: address, size: 4096, file: file.descriptor, fileOffset: address)
    }

    private func queue(_ index: Int) -> VhostUserQueue {
        VhostUserQueue(
            index: index, size: 64, descriptorTable: 0x1000, availableRing: 0x2000, usedRing: 0x3000,
            kick: event.descriptor, call: event.descriptor)
    }

    private static let startOfQueue: [VhostUserRequest?] = [
        .setQueueSize, .setQueueBase, .setQueueAddresses, .setQueueError, .setQueueCall, .setQueueKick,
        .setQueueEnabled,
    ]

    @Test func helloTellsWhatThereIs() throws {
        try backend.serving {
            let device = try connect()
            #expect(device.features == 1 << 32 | 1 << 29 | 1 << 28)
            #expect(device.regionLimit == 32)
            #expect(
                backend.takeNames() == [
                    .setOwner, .getFeatures, .getProtocolFeatures, .setProtocolFeatures, .getQueueCount,
                    .getMemorySlotCount,
                ])
        }
    }

    @Test func aDriverGetsMemoryAndQueues() throws {
        try backend.serving {
            let device = try connect()
            try device.add(part(0x10000))
            _ = backend.takeRequests()
            device.start(features: chosen, [queue(0), queue(1)])
            #expect(device.failure == nil)
            let requests = backend.takeRequests()
            #expect(
                requests.map { VhostUserRequest(rawValue: $0.number) }
                    == [.setFeatures, .addMemoryRegion] + Self.startOfQueue + Self.startOfQueue)
            #expect(requests[0].word(0) == chosen | 1 << 30)
            // Every one asks for an answer; memory and events go along.
            #expect(requests.allSatisfy { $0.flags == 9 })
            #expect(requests.map(\.descriptorCount) == [0, 1] + [0, 0, 0, 1, 1, 1, 0] + [0, 0, 0, 1, 1, 1, 0])
            device.stop()
            #expect(backend.takeNames() == [.getQueueBase, .getQueueBase])
            // The next driver finds the memory there.
            device.start(features: chosen, [queue(1)])
            #expect(backend.takeNames() == [.setFeatures] + Self.startOfQueue)
            device.stop(queue: 0)
            device.stop(queue: 1)
            #expect(backend.takeNames() == [.getQueueBase])
            #expect(device.failure == nil)
        }
    }

    @Test func memoryComesAndGoes() throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            _ = backend.takeRequests()
            try device.add(part(0x10000))
            try device.add(part(0x20000))
            device.remove(part(0x10000))
            device.remove(part(0x30000))
            let requests = backend.takeRequests()
            #expect(
                requests.map { VhostUserRequest(rawValue: $0.number) } == [
                    .addMemoryRegion, .addMemoryRegion, .removeMemoryRegion,
                ])
            #expect(requests.map { $0.word(8) } == [0x10000, 0x20000, 0x10000])
            #expect(requests.map(\.descriptorCount) == [1, 1, 0])
        }
    }

    @Test func whoRefusesMemoryIsAsBefore() throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            backend.react(to: .addMemoryRegion, .answer(1))
            #expect(throws: VhostUserError.refused(.addMemoryRegion)) { try device.add(part(0x10000)) }
            #expect(device.failure == nil)
            backend.react(to: .addMemoryRegion, .usual)
            _ = backend.takeRequests()
            // It was never there.
            device.remove(part(0x10000))
            #expect(backend.takeNames().isEmpty)
            try device.add(part(0x10000))
            #expect(device.failure == nil)
        }
    }

    /// Whatever a back-end does when it is given memory: who plugs it is not kept from that, and the device is broken.
    @Test(arguments: [
        (FakeBackend.Reaction.end, VhostUserError.ended),
        (.silence, .silent(.addMemoryRegion)),
        (.raw([UInt8](repeating: 0xff, count: 64)), .wrongReply(.addMemoryRegion)),
        (.raw([37, 0, 0, 0, 5, 0, 0, 0, 8]), .silent(.addMemoryRegion)),
    ])
    func badBackendsKeepNobodyFromMemory(_ reaction: FakeBackend.Reaction, _ failure: VhostUserError) throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            backend.react(to: .addMemoryRegion, reaction)
            try device.add(part(0x10000))
            #expect(device.failure == failure)
            #expect(try told(device) == failure)
            #expect(try told(device) == nil)
            #expect(try #require(device.look()).ends == nil)
            // Nothing waits any more.
            let begin = MonotonicInstant.now()
            try device.add(part(0x20000))
            device.stop()
            device.start(features: chosen, [queue(0)])
            #expect(begin.milliseconds(until: .now()) < 1000)
            #expect(device.failure == .absent)
        }
    }

    /// A back-end that takes its time for each part of much memory keeps a machine waiting no longer than one that does not
    /// answer.
    @Test func partsOfMemoryShareOnePatience() throws {
        try backend.serving {
            let device = try connect(patience: 400)
            device.start(features: chosen, [queue(0)])
            backend.react(to: .addMemoryRegion, .delayed(milliseconds: 50))
            let begin = MonotonicInstant.now()
            for number in 0..<100 as Range<UInt64> { try device.add(part(number << 16)) }
            #expect(begin.milliseconds(until: .now()) < 2_000)
            #expect(device.failure == .silent(.addMemoryRegion))
        }
    }

    /// What is used up comes back.
    @Test func patienceComesBack() throws {
        try backend.serving {
            let device = try connect(patience: 1_000)
            device.start(features: chosen, [queue(0)])
            backend.react(to: .addMemoryRegion, .delayed(milliseconds: 400))
            for number in 0..<3 as Range<UInt64> {
                try device.add(part(number << 16))
                #expect(device.failure == nil, "\(number)")
                usleep(1_200_000)
            }
        }
    }

    @Test(arguments: [FakeBackend.Reaction.end, .silence, .answer(1), .raw([1, 2, 3])])
    func whoDoesNotStopIsCutOff(_ reaction: FakeBackend.Reaction) throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            backend.react(to: .getQueueBase, reaction)
            device.stop()
            #expect(device.failure != nil)
            #expect(socket.arrival != .nothing)
        }
    }

    @Test(arguments: [
        VhostUserRequest.setFeatures, .addMemoryRegion, .setQueueSize, .setQueueAddresses, .setQueueKick,
        .setQueueEnabled,
    ])
    func whoRefusesToBeginIsBroken(_ request: VhostUserRequest) throws {
        try backend.serving {
            let device = try connect()
            try device.add(part(0x10000))
            backend.react(to: request, .answer(1))
            device.start(features: chosen, [queue(0)])
            #expect(device.failure == .refused(request))
        }
    }

    /// What a look at the back-end tells.
    private func told(_ device: VhostUserBackend) throws -> VhostUserError? { try #require(device.look()).failure }

    @Test func theEndIsNoticed() throws {
        try backend.serving {
            let device = try connect()
            #expect(try told(device) == nil)
            backend.hangUp()
            #expect(try told(device) == .ended)
        }
    }

    @Test func whatNobodyAskedForIsTheEnd() throws {
        try backend.serving {
            let device = try connect()
            backend.send([0])
            #expect(try told(device) == .unasked)
        }
    }

    @Test func anErrorEventIsTheEnd() throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            try #require(device.look()?.ends).errors.signal()
            #expect(try told(device) == .gaveUp)
        }
    }

    /// A back-end has the event too. Whatever it does with it keeps nobody waiting.
    @Test func anErrorEventIsNotRead() throws {
        try backend.serving {
            let device = try connect()
            device.start(features: chosen, [queue(0)])
            let errors = try #require(device.look()?.ends).errors
            let flags = fcntl(errors.descriptor.rawValue, F_GETFL)
            #expect(fcntl(errors.descriptor.rawValue, F_SETFL, flags & ~O_NONBLOCK) == 0)
            #expect(try told(device) == nil)
            errors.signal()
            #expect(try told(device) == .gaveUp)
            #expect(errors.isSignalled)
        }
    }

    /// Whatever bytes are answered, and to whatever: nothing crashes or hangs, and the end is told once.
    @Test(arguments: 0..<100 as Range<UInt64>) func anyAnswerIsSurvived(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let requests: [VhostUserRequest] = [
            .setFeatures, .addMemoryRegion, .setQueueSize, .setQueueAddresses, .setQueueKick, .getQueueBase,
            .removeMemoryRegion,
        ]
        try backend.serving {
            let device = try connect()
            try device.add(part(0x10000))
            for request in requests where random.next() % 3 == 0 {
                // Long enough to be an answer, so that nobody waits for the rest.
                var bytes = (0..<Int(random.next() % 64 + 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                if random.next() % 2 == 0 {
                    bytes.replaceSubrange(0..<12, with: [UInt8(request.rawValue), 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0])
                }
                backend.react(to: request, .raw(bytes))
            }
            device.start(features: chosen, [queue(0), queue(1)])
            try? device.add(part(0x20000))
            device.stop()
            device.remove(part(0x10000))
            let failure = device.failure
            #expect(try told(device) == failure)
            #expect(try told(device) == nil)
        }
    }

    // MARK: - Those that are no use

    @Test func uselessOnesAreRefusedAtOnce() throws {
        try backend.serving {
            #expect(throws: VhostUserError.tooFewQueues(2, needed: 3)) { try connect(queues: 3) }
        }
    }

    @Test func oldInterfacesAreRefused() throws {
        backend.offer(features: 1 << 30)
        try backend.serving {
            #expect(throws: VhostUserError.lacks("VIRTIO_F_VERSION_1")) { try connect() }
        }
    }

    @Test func memoryThatComesAndGoesNeedsSlots() throws {
        backend.offer(protocolFeatures: VhostUserFeature.replies)
        try backend.serving {
            #expect(throws: VhostUserError.self) { try connect() }
        }
    }

    @Test func withoutSlotsThereIsATable() throws {
        backend.offer(protocolFeatures: 0)
        try backend.serving {
            let device = try connect(changesMemory: false)
            try device.add(part(0x10000))
            try device.add(part(0x20000))
            #expect(device.regionLimit == 8)
            device.start(features: chosen, [queue(0)])
            // Nothing is answered without REPLY_ACK; this is.
            device.stop()
            let requests = backend.takeRequests().suffix(10)
            #expect(requests.first.map { VhostUserRequest(rawValue: $0.number) } == .setFeatures)
            #expect(requests.dropFirst().first?.descriptorCount == 2)
            #expect(requests.allSatisfy { $0.flags == 1 })
        }
    }

    @Test(arguments: [FakeBackend.Reaction.end, .raw([9]), .silence])
    func whoDoesNotSayHelloIsRefused(_ reaction: FakeBackend.Reaction) throws {
        backend.react(to: .getFeatures, reaction)
        try backend.serving {
            #expect(throws: VhostUserError.self) { try connect() }
        }
    }

    // MARK: - Another one

    @Test func anotherBackendTakesThePlace() throws {
        let path = FilePath("/tmp/vhost-user-test-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        let listener = try UnixSocket.listen(at: path)
        defer { try? path.removeFile() }
        let device = try backend.serving {
            let device = try connect(path: path)
            try device.add(part(0x10000))
            device.start(features: chosen, [queue(0)])
            return device
        }
        #expect(try told(device) == .ended)
        let (second, inner) = try FakeBackend.make()
        let relay = try Relay(listener.descriptor, inner)
        try second.serving {
            device.start(features: chosen, [queue(0)])
            #expect(device.failure == nil)
            #expect(second.takeNames().suffix(8) == [.addMemoryRegion] + Self.startOfQueue)
        }
        relay.join()
    }

    /// Carries what arrives at a listener's first connection to a back-end, and back; descriptors get lost.
    private struct Relay {
        private let thread: Thread

        init(_ listener: FileDescriptor, _ inner: MessageSocket) throws {
            thread = try Thread(name: "relay") {
                let outer = accept(listener.rawValue, nil, nil)
                defer { close(outer) }
                var bytes = [UInt8](repeating: 0, count: 4096)
                while true {
                    var waits = [
                        pollfd(fd: outer, events: Int16(POLLIN), revents: 0),
                        pollfd(fd: inner.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                    ]
                    poll(&waits, 2, 20_000)
                    let fromOuter = waits[0].revents != 0
                    let (from, to) = fromOuter ? (outer, waits[1].fd) : (waits[1].fd, outer)
                    let count = read(from, &bytes, bytes.count)
                    guard count > 0 else { return }
                    _ = write(to, bytes, count)
                }
            }
        }

        func join() { thread.join() }
    }
}
