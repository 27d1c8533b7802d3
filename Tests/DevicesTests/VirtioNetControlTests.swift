import GuestMemory
import Host
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// The control queue of the network device (virtio specification, 5.1.6.5), its pairs of queues, and the host's kernel
/// in its place.
struct VirtioNetControlTests {
    private typealias Feature = VirtioNetConfiguration.Feature
    private static let features =
        NetDriver.usual | Feature.controlReceive | Feature.controlReceiveExtra | Feature.controlAddress

    @Test func commandsAreAnswered() throws {
        let driver = try NetDriver(
            offloads: [.checksum],
            features: Self.features | Feature.controlGuestOffloads
                | Feature.guestChecksum)
        let commands: [(bytes: [UInt8], answer: UInt8)] = [
            ([0, 0, 1], 0), ([0, 1, 0], 0), ([0, 2, 1], 0), ([0, 5, 1], 0), ([0, 6, 1], 1), ([0, 0], 1),
            ([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0), ([1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0], 0),
            ([1, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0], 1), ([1, 0, 255, 255, 255, 255, 0, 0, 0, 0], 1),
            ([1, 1, 2, 3, 4], 1), ([1, 1, 2, 0, 0, 9, 9, 9], 0), ([2, 0, 1, 0], 1), ([3, 0], 1),
            ([4, 0, 1, 0], 1), ([5, 0, 2, 0, 0, 0, 0, 0, 0, 0], 0), ([5, 0, 128, 0, 0, 0, 0, 0, 0, 0], 1),
            ([255, 255, 255], 1),
        ]
        for (bytes, answer) in commands {
            #expect(try driver.command(bytes) == answer, "\(bytes)")
        }
        #expect((0..<6).map { driver.fixture.transport.read(offset: 0x100 + $0, size: 1) } == [2, 0, 0, 9, 9, 9])
        #expect(driver.ports[0].offloads.withLock { $0 } == [.checksum, .checksum])
        // A reset gives the card its own address back.
        driver.fixture.write(.status, 0)
        #expect(driver.fixture.transport.read(offset: 0x100, size: 4) == 0x0100_5452)
    }

    @Test func featuresThatWereNotTakenHaveNoCommands() throws {
        let driver = try NetDriver()
        for bytes: [UInt8] in [[0, 0, 1], [1, 1, 2, 0, 0, 9, 9, 9], [4, 0, 1, 0], [5, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            #expect(try driver.command(bytes) == 1)
        }
    }

    @Test(
        arguments: [
            [.readable(NetDriver.data, 4)], [.writable(NetDriver.data, 4)],
            [.readable(NetDriver.data, 1), .writable(NetDriver.data + 8, 1)],
            [.readable(NetDriver.hidden, 4), .writable(NetDriver.data, 1)],
        ] as [[FakeDriver.Piece]])
    func badCommandsNeedAReset(_ pieces: [FakeDriver.Piece]) throws {
        let driver = try NetDriver()
        try driver.queues[2].add(pieces)
        try driver.queues[2].publish()
        #expect(driver.fixture.transport.processQueue(2) != nil)
        #expect(driver.fixture.read(.status) & 64 != 0)
    }

    @Test func pairsComeIntoUse() throws {
        let driver = try NetDriver(pairs: 3, features: NetDriver.usual | Feature.multipleQueues)
        try driver.addBuffers(4, of: 2048, pair: 1)
        #expect(driver.wants(pair: 1) == [] && driver.wants(pair: 0).contains(.attention))
        for (count, answer) in [(0, 1), (4, 1), (3, 0), (2, 0)] as [(UInt8, UInt8)] {
            #expect(try driver.command([4, 0, count, 0], queue: 6) == answer)
        }
        #expect(driver.wants(pair: 1).contains(.attention) && driver.wants(pair: 2) == [])
        driver.fixture.transport.processQueue(2)
        try driver.ports[1].put(NetDriver.frame(100))
        #expect(driver.receive(pair: 1) == nil)
        #expect(try driver.queues[2].takeUsed().count == 1)
        try driver.send([.readable(NetDriver.data, 60)], pair: 1)
        driver.processTransmit(pair: 1)
        #expect(driver.ports[1].take()?.count == 60 && driver.ports[0].take() == nil)
        // A pair that is not in use does nothing.
        try driver.send([.readable(NetDriver.data, 60)], pair: 2)
        #expect(driver.processTransmit(pair: 2) == nil)
        #expect(driver.ports[2].take() == nil)
        driver.fixture.write(.status, 0)
        #expect(driver.wants(pair: 1) == [])
    }

    /// Bringing pairs into use takes the host's kernel long. A driver that asks for it again and again keeps nobody from
    /// their turn.
    @Test func pairsTakeATurnEach() throws {
        let driver = try NetDriver(pairs: 3, features: NetDriver.usual | Feature.multipleQueues)
        let place = NetDriver.data + 0x6_0000
        try driver.memory.write([4, 0, 2, 0], at: GuestAddress(place))
        for number in 0..<3 as Range<UInt64> {
            try driver.queues[6].add([.readable(place, 4), .writable(place + 8 + number, 1)])
        }
        try driver.queues[6].publish()
        for notifications in [[6], [6], []] {
            _ = driver.fixture.host.takeNotifications()
            driver.fixture.transport.processQueue(6)
            #expect(try driver.queues[6].takeUsed().count == 1)
            #expect(driver.fixture.host.takeNotifications() == notifications)
        }
    }

    /// A driver that does without several pairs has its control queue as the third.
    @Test func controlQueueWithoutSeveralPairs() throws {
        let driver = try NetDriver(pairs: 3, features: Self.features)
        #expect(try driver.command([0, 0, 1], queue: 2) == 0)
    }

    @Test func theLinkGoesDown() throws {
        let driver = try NetDriver()
        try driver.addBuffers(1, of: 2048)
        let generation = driver.fixture.read(.configurationGeneration)
        driver.fixture.transport.withDevice { $0.takeLinkDown() }
        driver.fixture.transport.configurationChanged()
        #expect(driver.fixture.read(.interruptStatus) & 2 != 0)
        #expect(driver.fixture.transport.read(offset: 0x106, size: 2) == 0)
        #expect(driver.fixture.read(.configurationGeneration) != generation)
        #expect(driver.wants() == [])
    }

    // MARK: The kernel

    @Test func theKernelServesQueues() throws {
        let kernels = [FakeNetworkKernel(), FakeNetworkKernel()]
        let features = NetDriver.usual | Feature.multipleQueues
        let driver = try NetDriver(pairs: 2, kernels: kernels, features: features)
        #expect(driver.wants() == .attention)
        #expect(
            kernels[0].takeEvents() == [
                .features(VirtioFeature.version1 | Feature.mergeableBuffers), .start(0, base: 0), .start(1, base: 0),
            ])
        #expect(kernels[1].takeEvents() == [])
        // The device leaves these queues alone.
        try driver.send([.readable(NetDriver.data, 60)])
        driver.processTransmit()
        #expect(driver.ports[0].take() == nil)
        // A pair that goes out of use and comes back goes on where it was.
        for count: UInt8 in [2, 1, 2] {
            #expect(try driver.command([4, 0, count, 0], queue: 4) == 0)
        }
        let taken: [FakeNetworkKernel.Event] = [.start(0, base: 100), .start(1, base: 101)]
        #expect(kernels[1].takeEvents().suffix(2) == taken[...])
        driver.fixture.write(.status, 0)
        #expect(kernels[0].takeEvents() == [.stop(0), .stop(1)] && kernels[1].takeEvents() == [.stop(0), .stop(1)])
        for queue in driver.queues { _ = try queue.makeQueue() }
        driver.start(features)
        #expect(kernels[0].takeEvents().contains(.start(0, base: 0)))
    }

    @Test func whatTheKernelLacksIsNotOffered() throws {
        let driver = try NetDriver(kernels: [FakeNetworkKernel(features: VirtioFeature.version1)], starts: false)
        #expect(driver.fixture.offeredFeatures & Feature.mergeableBuffers == 0)
    }

    @Test func aRefusalOfTheKernelNeedsAReset() throws {
        let kernel = FakeNetworkKernel()
        kernel.refuse(SystemCallError("VHOST_SET_VRING_ADDR", .badAddress))
        let driver = try NetDriver(kernels: [kernel])
        #expect(driver.fixture.read(.status) & 64 != 0)
        #expect(driver.fixture.transport.failure == .refusedByKernel(queue: 0))
    }

    @Test func aFaultOfTheKernelStopsIt() throws {
        let kernel = FakeNetworkKernel()
        let driver = try NetDriver(kernels: [kernel])
        _ = kernel.takeEvents()
        driver.fixture.transport.breakDown(.refusedByKernel(queue: 1))
        #expect(kernel.takeEvents() == [.stop(0), .stop(1)])
        #expect(driver.fixture.read(.status) & 64 != 0 && driver.fixture.read(.interruptStatus) & 2 != 0)
    }
}
