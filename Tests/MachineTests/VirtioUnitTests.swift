import Configuration
import Host
import Testing

@testable import Machine
@testable import Virtio
@testable import VirtioTestSupport

/// How a device's queues reach the event loop.
struct VirtioUnitTests {
    /// A device that is only called.
    private struct TwoQueues: VirtioDevice {
        let deviceID: UInt32 = 4
        let features: UInt64 = 0
        let queueSizes: [UInt16] = [8, 8]
        mutating func process(queue index: Int, _ queue: SplitQueue) {}
    }

    private final class Fixture {
        let loop: EventLoop
        let unit: VirtioUnit<TwoQueues>
        /// The queues that were told of, since it was looked at last.
        private var told: [Int] = []

        init() throws {
            loop = try EventLoop()
            let window = try MachineConfiguration().validated().virtioWindows[0]
            unit = try VirtioUnit(TwoQueues(), window: window, memory: try TestMemory.make())
        }

        func serve() throws {
            try unit.serve(on: loop, onQueue: { [unowned self] in told.append($0) }, onDriver: {})
        }

        /// The queues that the loop tells of in a few rounds.
        func rounds() throws -> [Int] {
            loop.schedule(afterMilliseconds: 5) { [loop] in loop.stop() }
            try loop.run()
            defer { told = [] }
            return told.sorted()
        }
    }

    @Test func eachSignalIsToldOfOnceThoughNobodyReadsIt() throws {
        let test = try Fixture()
        try test.serve()
        #expect(try test.rounds() == [])
        for _ in 0..<3 {
            test.unit.queues.notify(queue: 1)
            #expect(try test.rounds() == [1])
        }
        test.unit.queues.notify(queue: 0)
        test.unit.queues.notify(queue: 1)
        #expect(try test.rounds() == [0, 1])
        #expect(try test.rounds() == [])
    }

    @Test func soIsOneThatCameBeforeAnybodyListened() throws {
        let test = try Fixture()
        test.unit.queues.notify(queue: 0)
        try test.serve()
        #expect(try test.rounds() == [0])
    }

    @Test func aQueueThatIsLeftToSomebodyElseIsLookedAtWhenItComesBack() throws {
        let test = try Fixture()
        try test.serve()
        try test.unit.listen(toQueue: 0, false, on: test.loop)
        test.unit.queues.notify(queue: 0)
        test.unit.queues.notify(queue: 1)
        #expect(try test.rounds() == [1])
        try test.unit.listen(toQueue: 0, true, on: test.loop)
        #expect(try test.rounds() == [0])
        test.unit.queues.notify(queue: 0)
        #expect(try test.rounds() == [0])
    }
}
