import CLinux
import SystemPackage

/// Waits for descriptors and timers, and calls the handlers registered for them (`epoll(7)`).
///
/// A loop and all that its handlers touch belong to one thread. Other threads reach it through a `Mailbox`.
public final class EventLoop {
    /// Names a registered descriptor or a timer.
    public struct Token: Hashable, Sendable {
        /// Of a descriptor, the number of its place, and in the higher 32 bits how many had the place before. Of a timer, its
        /// number and the highest bit.
        fileprivate let key: UInt64

        fileprivate init(key: UInt64) { self.key = key }

        fileprivate init(place: Int, after count: UInt32) {
            key = UInt64(count & 0x7fff_ffff) << 32 | UInt64(place)
        }

        fileprivate init(timer number: UInt64) { key = 1 << 63 | number }

        fileprivate var place: Int { Int(UInt32(truncatingIfNeeded: key)) }
    }

    /// What a handler is told about its descriptor.
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let readable = Readiness(rawValue: 0x001)  // EPOLLIN
        public static let writable = Readiness(rawValue: 0x004)  // EPOLLOUT
        /// More has become readable than before, whether or not that was read (EPOLLET).
        public static let moreReadable = Readiness(rawValue: 0x8000_0001)
        /// There has become room to write to, whether or not that was used (EPOLLET).
        public static let moreWritable = Readiness(rawValue: 0x8000_0004)
        /// The descriptor is in error, or its peer is gone; always reported.
        public static let closed = Readiness(rawValue: 0x018)  // EPOLLERR | EPOLLHUP
    }

    public typealias Handler = (Readiness) -> Void

    private struct Registration {
        let token: Token
        let descriptor: FileDescriptor
        let handler: Handler
    }

    /// Where a registration is, so that it is found without a search.
    private struct Place {
        var registration: Registration?
        /// How many have had it.
        var count: UInt32 = 0
    }

    private struct Timer {
        var deadline: MonotonicInstant
        let token: Token
        let action: () -> Void
    }

    private let epoll: OwnedFileDescriptor
    private var places: [Place] = []
    private var freePlaces: [Int] = []
    /// In the order of their deadlines: there are only ever a few.
    private var timers: [Timer] = []
    private var nextTimer: UInt64 = 1
    /// What epoll reported last; kept, so that waiting allocates nothing.
    private var ready = [cl_epoll_event](repeating: cl_epoll_event(), count: Int(CL_EPOLL_BATCH))
    private var isStopping = false

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemCallError) {
        epoll = try OwnedFileDescriptor(result: Int(cl_epoll_create()), of: "epoll_create1")
    }

    /// Calls the handler whenever the descriptor is ready, until it is removed: level-triggered, unless the interest says
    /// otherwise.
    ///
    /// - Throws: `SystemCallError`: EPERM for a descriptor that is always ready, such as a regular file's.
    public func add(
        _ descriptor: FileDescriptor, _ interest: Readiness, _ handler: @escaping Handler
    ) throws(SystemCallError) -> Token {
        let place = freePlaces.last ?? places.count
        let count = place < places.count ? places[place].count : 0
        let token = Token(place: place, after: count)
        try control(EPOLL_CTL_ADD, descriptor, interest, token.key)
        if freePlaces.popLast() == nil { places.append(Place()) }
        places[place] = Place(
            registration: Registration(token: token, descriptor: descriptor, handler: handler), count: count &+ 1)
        return token
    }

    /// Nil where it was removed.
    private func registration(_ token: Token) -> Registration? {
        guard token.place < places.count, let found = places[token.place].registration, found.token == token else {
            return nil
        }
        return found
    }

    /// Changes what a registered descriptor is waited for.
    public func modify(_ token: Token, _ interest: Readiness) throws(SystemCallError) {
        guard let registration = registration(token) else { return }
        try control(EPOLL_CTL_MOD, registration.descriptor, interest, token.key)
    }

    /// Forgets a descriptor; its handler is not called again. To be called before the descriptor is closed.
    public func remove(_ token: Token) {
        guard let registration = registration(token) else { return }
        places[token.place].registration = nil
        freePlaces.append(token.place)
        // It can only fail for a descriptor that is closed already, and then epoll has forgotten it too.
        _ = cl_epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, registration.descriptor.rawValue, 0, 0)
    }

    /// Calls the action once, when that much time has passed.
    @discardableResult
    public func schedule(afterMilliseconds delay: UInt64, _ action: @escaping () -> Void) -> Token {
        let token = Token(timer: nextTimer)
        let timer = Timer(deadline: .now().advanced(byMilliseconds: delay), token: token, action: action)
        nextTimer += 1
        let position = timers.firstIndex { $0.deadline > timer.deadline } ?? timers.endIndex
        timers.insert(timer, at: position)
        return token
    }

    /// Has a timer's action called when that much time has passed from now, and not when it would have been. Allocates
    /// nothing. Does nothing for a timer that is over.
    public func move(_ token: Token, toAfterMilliseconds delay: UInt64) {
        guard var position = timers.firstIndex(where: { $0.token == token }) else { return }
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: delay)
        timers[position].deadline = deadline
        while position + 1 < timers.count, timers[position + 1].deadline <= deadline {
            timers.swapAt(position, position + 1)
            position += 1
        }
        while position > 0, timers[position - 1].deadline > deadline {
            timers.swapAt(position, position - 1)
            position -= 1
        }
    }

    /// Forgets a timer; its action is not called any more. Does nothing for one that is over.
    public func cancel(_ token: Token) {
        timers.removeAll { $0.token == token }
    }

    /// Serves descriptors and timers until `stop()`.
    ///
    /// - Throws: `SystemCallError` where epoll itself fails.
    public func run() throws(SystemCallError) {
        isStopping = false
        while !isStopping {
            try runOnce()
        }
    }

    /// Makes `run()` return after the handler that calls it, for good: what else was ready is forgotten.
    public func stop() {
        isStopping = true
    }

    private func runOnce() throws(SystemCallError) {
        let count = unsafe cl_epoll_wait(epoll.rawValue, &ready, timeout())
        guard count >= 0 || count == -EINTR else {
            throw SystemCallError("epoll_wait", Errno(rawValue: -count))
        }
        for index in 0..<Int(max(count, 0)) where !isStopping {
            // A handler before this one may have removed it.
            registration(Token(key: ready[index].key))?.handler(Readiness(rawValue: ready[index].events))
        }
        // What a timer schedules has to wait for the next round, so that descriptors get their turn.
        let now = MonotonicInstant.now()
        while !isStopping, let first = timers.first, first.deadline <= now {
            timers.removeFirst()
            first.action()
        }
    }

    private func timeout() -> CInt {
        guard let first = timers.first else { return -1 }
        return CInt(clamping: MonotonicInstant.now().milliseconds(until: first.deadline))
    }

    private func control(
        _ operation: CInt, _ descriptor: FileDescriptor, _ interest: Readiness, _ key: UInt64
    ) throws(SystemCallError) {
        let result = cl_epoll_ctl(epoll.rawValue, operation, descriptor.rawValue, interest.rawValue, key)
        if result < 0 {
            throw SystemCallError("epoll_ctl", Errno(rawValue: -result))
        }
    }
}
