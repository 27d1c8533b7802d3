import Configuration
import Testing

@testable import Machine

/// A machine whose guest does what the test says, one access at a time: see `Tests/Guests/agent.c`.
final class GuestAgent {
    /// As in `agent.c`.
    enum Operation: UInt32 {
        case load, store, add, copy, compare, call, push, pop, words, find, map, mapTable, startDevice, rings, request
        case chain, indirect, randomChains, status, user, startCPU, collect, count, resetDevice, trap
        case vector, writeMSR, timer, timerCount, fillQueue
    }

    struct Answer: Equatable {
        /// The vector that it ended with.
        var trap: UInt32?
        var isDone = true
        var value: UInt64 = 0
        var faultAddress: UInt64 = 0
    }

    /// What was told, what came instead of an answer, and what the machine said.
    struct NoAnswer: Error {
        let operation: Operation
        let output: [UInt8]
        let events: [MachineEvent]
    }

    /// The CPL that the guest works at.
    enum Level: UInt64 {
        case kernel = 0
        case user = 1
    }

    /// Where the first region begins.
    static let start: UInt64 = 4 << 30
    static let blockSize: UInt64 = 2 << 20

    let test: TestMachine
    var machine: Machine { test.machine }
    private var read = 0

    init(_ level: Level, configuration: MachineConfiguration, console: ConsoleEnd = ConsoleEnd(.null)) throws {
        test = try TestMachine(
            image: GuestCompiler.image(of: "agent", parameters: [Self.start, level.rawValue]),
            configuration: configuration, console: console)
    }

    /// Tells the guest to do something, and does not wait.
    func post(_ operation: Operation, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, cpu: UInt32 = 0) throws {
        var bytes: [UInt8] = []
        for (value, size) in [(UInt64(operation.rawValue), 4), (UInt64(cpu), 4), (a, 8), (b, 8), (c, 8)] {
            bytes += (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        try test.send(bytes)
    }

    /// Waits for the answer to what was posted; nil where there is none in time.
    func answer(withinMilliseconds limit: UInt64 = TestMachine.patience) throws -> Answer? {
        let bytes = try test.outputBytes(read + 24, withinMilliseconds: limit).dropFirst(read)
        guard bytes.count >= 24 else { return nil }
        read += 24
        func number(_ offset: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[bytes.startIndex + offset + $1]) << (8 * UInt64($1)) }
        }
        let trap = UInt32(number(0, 4))
        return Answer(
            trap: trap == 0 ? nil : trap - 1, isDone: number(4, 4) == 1, value: number(8, 8),
            faultAddress: number(16, 8))
    }

    /// Tells the guest to do something, and waits for its answer.
    @discardableResult
    func tell(
        _ operation: Operation, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        withinMilliseconds limit: UInt64 = TestMachine.patience
    ) throws -> Answer {
        try post(operation, a, b, c)
        guard let answer = try answer(withinMilliseconds: limit) else {
            throw NoAnswer(
                operation: operation, output: try test.outputBytes(0).suffix(64), events: test.events.suffix(4))
        }
        return answer
    }
}
