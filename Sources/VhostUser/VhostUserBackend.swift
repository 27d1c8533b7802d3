import Host
import Synchronization
import SystemPackage

/// A process that serves the queues of a device (vhost-user), as whoever has the device knows it.
///
/// Calls may come from any thread; they wait for the back-end, but never longer than ten seconds, and changes of memory that
/// follow each other not longer than five together. One that ends, lies or does not answer is cut off: the device is broken then, until a driver begins anew and there is a back-end again.
public final class VhostUserBackend: Sendable {
    /// What the device is to be able to do.
    public struct Requirements: Sendable {
        /// Features of virtio that guests may be offered.
        public let features: UInt64
        public let queueCount: Int
        /// Whether memory comes and goes.
        public let changesMemory: Bool

        public init(features: UInt64, queueCount: Int, changesMemory: Bool) {
            self.features = features
            self.queueCount = queueCount
            self.changesMemory = changesMemory
        }
    }

    private struct State {
        var connection: VhostUserConnection?
        /// Why there is none; nil while there is one.
        var failure: VhostUserError?
        /// Whether that was told.
        var isFailureTold = false
        /// What it is to have, once it has any.
        var memory: [VhostUserMemoryPart] = []
        /// Numbers of the queues that it serves.
        var queues: [Int] = []
        /// Nanoseconds that changes of memory may still wait for it, as of a point in time. Half of the time in which they
        /// don't comes back.
        var memoryPatience: (left: UInt64, at: MonotonicInstant)
    }

    /// What guests can be offered of the features that were asked for.
    public let features: UInt64
    /// Regions of memory that it takes.
    public let regionLimit: Int

    private let requirements: Requirements
    private let path: FilePath?
    /// Milliseconds that a back-end has to say hello, to begin, and to end: requests of guests that are under way may be
    /// at a slow disk; and to take memory, or give it back, however many parts of it: a guest and everybody else wait.
    private let patience: UInt64
    private let state: Mutex<State>

    /// VIRTIO_F_VERSION_1.
    private static let version1: UInt64 = 1 << 32

    /// Says hello to a back-end.
    ///
    /// - Parameters:
    ///   - path: where another one is found when this one is gone; nil for nowhere.
    ///   - patience: milliseconds that it has for what it is told.
    /// - Throws: `VhostUserError` for one that is no use.
    public init(
        _ socket: MessageSocket, path: FilePath?, requirements: Requirements, patience: UInt64 = 5_000
    ) throws(VhostUserError) {
        self.path = path
        self.requirements = requirements
        self.patience = patience
        let connection = try Self.greet(socket, requirements, patience)
        features = connection.features & requirements.features
        regionLimit = connection.regionLimit
        state = Mutex(State(connection: connection, memoryPatience: (patience * 1_000_000, .now())))
    }

    private static func greet(
        _ socket: MessageSocket, _ requirements: Requirements, _ patience: UInt64
    ) throws(VhostUserError) -> VhostUserConnection {
        let connection = try VhostUserConnection(socket, until: .now().advanced(byMilliseconds: patience))
        guard connection.features & version1 != 0 else { throw .lacks("VIRTIO_F_VERSION_1") }
        if let count = connection.queueCount, count < requirements.queueCount {
            throw .tooFewQueues(count, needed: requirements.queueCount)
        }
        guard connection.changesMemory || !requirements.changesMemory else {
            throw .lacks("CONFIGURE_MEM_SLOTS, without which memory can't come and go")
        }
        return connection
    }

    private var deadline: MonotonicInstant { .now().advanced(byMilliseconds: patience) }

    // MARK: - Memory

    /// Gives it a part of the guest's memory.
    ///
    /// - Throws: `refused` where it does not take it; nothing has changed then. A back-end that is broken does not keep
    ///   anybody from anything.
    public func add(_ part: VhostUserMemoryPart) throws(VhostUserError) {
        try state.withLock { (state) throws(VhostUserError) in
            if let connection = state.connection, connection.hasMemory {
                let deadline = memoryDeadline(&state)
                defer { noteMemoryChange(&state, deadline) }
                do throws(VhostUserError) {
                    try connection.add(part, until: deadline)
                } catch {
                    if case .refused = error { throw error }
                    Self.cutOff(&state, error)
                }
            }
            state.memory.append(part)
        }
    }

    /// Takes a part away that it was given.
    public func remove(_ part: VhostUserMemoryPart) {
        state.withLock { state in
            guard let index = state.memory.firstIndex(of: part) else { return }
            state.memory.remove(at: index)
            guard let connection = state.connection, connection.hasMemory else { return }
            let deadline = memoryDeadline(&state)
            defer { noteMemoryChange(&state, deadline) }
            do throws(VhostUserError) {
                try connection.remove(part, until: deadline)
            } catch {
                // What it keeps it could use.
                Self.cutOff(&state, error)
            }
        }
    }

    /// Until when a change of memory waits that begins now.
    private func memoryDeadline(_ state: inout State) -> MonotonicInstant {
        let now = MonotonicInstant.now()
        let (left, past) = state.memoryPatience
        let patience = min(left + past.nanoseconds(until: now) / 2, patience * 1_000_000)
        state.memoryPatience = (patience, now)
        return MonotonicInstant(nanoseconds: now.nanoseconds + patience)
    }

    private func noteMemoryChange(_ state: inout State, _ deadline: MonotonicInstant) {
        let now = MonotonicInstant.now()
        state.memoryPatience = (now.nanoseconds(until: deadline), now)
    }

    // MARK: - Queues

    /// Has it serve queues for a driver; where it is broken, a new one is looked for. Whether that worked, `failure` says.
    ///
    /// - Parameter features: what the driver chose.
    public func start(features chosen: UInt64, _ queues: [VhostUserQueue]) {
        state.withLock { state in
            do throws(VhostUserError) {
                var connection = if let connection = state.connection { connection } else { try reconnect(&state) }
                state.connection = connection
                let deadline = deadline
                try connection.setFeatures(chosen, until: deadline)
                if !connection.hasMemory {
                    try connection.setMemory(state.memory, until: deadline)
                    state.connection = connection
                }
                for queue in queues {
                    state.queues.append(queue.index)
                    try connection.start(queue, until: deadline)
                }
            } catch {
                Self.cutOff(&state, error)
            }
        }
    }

    private func reconnect(_ state: inout State) throws(VhostUserError) -> VhostUserConnection {
        guard let path else { throw .absent }
        let socket: MessageSocket
        do throws(SystemCallError) {
            socket = try MessageSocket(connectingTo: path)
        } catch {
            throw .host(error)
        }
        let connection = try Self.greet(socket, requirements, patience)
        guard connection.features & features == features, connection.regionLimit >= regionLimit else {
            socket.end()
            throw .offersOthers
        }
        (state.failure, state.isFailureTold) = (nil, false)
        state.memoryPatience = (patience * 1_000_000, .now())
        return connection
    }

    /// Has it leave a queue alone. It is done with it when this returns, or cut off.
    public func stop(queue index: Int) {
        state.withLock { Self.stop([index], &$0, until: deadline) }
    }

    /// Has it leave all queues alone.
    public func stop() {
        state.withLock { Self.stop($0.queues, &$0, until: deadline) }
    }

    private static func stop(_ queues: [Int], _ state: inout State, until deadline: MonotonicInstant) {
        guard let connection = state.connection else { return }
        do throws(VhostUserError) {
            for index in queues where state.queues.contains(index) {
                try connection.stop(queue: index, until: deadline)
                state.queues.removeAll { $0 == index }
            }
        } catch {
            cutOff(&state, error)
        }
    }

    /// Ends the connection to a back-end that is of no use any more. Whoever waits for its socket learns of that.
    private static func cutOff(_ state: inout State, _ error: VhostUserError) {
        state.connection?.socket.end()
        state.connection = nil
        state.queues = []
        state.failure = error
        state.isFailureTold = false
    }

    // MARK: - Failures

    /// Why nobody serves the queues; nil while somebody can.
    public var failure: VhostUserError? {
        state.withLock { $0.failure }
    }

    /// Descriptors of a connection, to wait for: one of them becomes readable when `look()` has something to say.
    public struct Ends {
        public let socket: MessageSocket
        /// Of a back-end that can't go on.
        public let errors: EventDescriptor
    }

    /// What a look at a back-end shows.
    public struct Finding {
        /// Why it was cut off, if that was not told before.
        public let failure: VhostUserError?
        /// The connection as it is; nil where there is none.
        public let ends: Ends?
    }

    /// Looks whether the back-end is still there. Never waits.
    ///
    /// - Returns: nil while somebody is talking to it, which may take seconds: look again later.
    public func look() -> Finding? {
        state.withLockIfAvailable { state in
            if let connection = state.connection {
                switch connection.socket.arrival {
                case .nothing: if connection.errors.isSignalled { Self.cutOff(&state, .gaveUp) }
                case .bytes: Self.cutOff(&state, .unasked)
                case .end: Self.cutOff(&state, .ended)
                }
            }
            let failure = state.isFailureTold ? nil : state.failure
            state.isFailureTold = state.failure != nil
            let ends = state.connection.map { Ends(socket: $0.socket, errors: $0.errors) }
            return Finding(failure: failure, ends: ends)
        }
    }
}
