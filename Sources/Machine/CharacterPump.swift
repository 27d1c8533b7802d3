import Host
import SystemPackage

/// Moves bytes between a guest's port and its channel. It belongs to the event loop's thread.
///
/// Output that the channel does not take stays here, and then in the port, until the guest has to wait; nothing is
/// lost.
final class CharacterPump {
    private let port: any CharacterPort
    private let channel: CharacterChannel
    /// How messages name the port.
    private let option: String
    private let loop: EventLoop
    private let events: @Sendable (MachineEvent) -> Void
    private var token: EventLoop.Token?
    private var retry: EventLoop.Token?
    /// Taken from the port, not yet by the channel.
    private var output: ArraySlice<UInt8> = []
    /// Taken from the channel, not yet by the port.
    private var input: [UInt8] = []
    /// Whether the channel gives no more input.
    private var isInputAtEnd = false
    /// Whether the other end of a stream is gone; what it left is read as the guest takes it.
    private var isHungUp = false
    /// What was said last about output that does not go out.
    private var complaint: String?

    private static var chunk: Int { 4096 }
    /// Chunks of output that are moved before others have their turn: a guest can write without an end.
    private static var chunksPerTurn: Int { 16 }
    /// What is written at the end at most: all that waits, and then some.
    private static var flushedChunks: Int { 256 }
    /// How often the patience with a reader may be used up.
    private static var flushTurns: UInt64 { 5 }
    /// Milliseconds until a full disk, or a pseudo-terminal that nobody has open, is tried again.
    private static var retryDelay: UInt64 { 200 }

    /// - Parameter option: the option that says where the port leads, for messages.
    init(
        _ port: any CharacterPort, _ channel: CharacterChannel, option: String, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(SystemCallError) {
        self.port = port
        self.channel = channel
        self.option = option
        self.loop = loop
        self.events = events
        _ = try loop.add(port.event.descriptor, .readable) { [unowned self] _ in
            self.port.event.drain()
            transfer()
        }
        try listen()
    }

    /// Moves what can be moved, both ways.
    func transfer() {
        feedInput()
        var chunks = 0
        while moveOutput() {
            chunks += 1
            if chunks == Self.chunksPerTurn {
                port.event.signal()
                break
            }
        }
        updateInterest()
    }

    /// Offers the last output to the channel, before the machine is gone.
    ///
    /// - Parameter milliseconds: how long a reader that takes nothing is waited for. One that takes little at a time, and a
    ///   guest that left much to be written, get no more than some of that either.
    func flush(patience milliseconds: UInt64) {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: Self.flushTurns * milliseconds)
        var chunks = 0
        repeat {
            while chunks < Self.flushedChunks, moveOutput() { chunks += 1 }
        } while chunks < Self.flushedChunks && !output.isEmpty && waitForReader(milliseconds)
            && MonotonicInstant.now() < deadline
    }

    private func waitForReader(_ milliseconds: UInt64) -> Bool {
        guard case .stream(let descriptor) = channel else { return false }
        return ByteStream.waitUntilWritable(descriptor, milliseconds: milliseconds)
    }

    // MARK: Output

    /// Moves a chunk of output; false where there is none, or the channel takes no more for now.
    private func moveOutput() -> Bool {
        if output.isEmpty {
            output = port.takeOutput(limit: Self.chunk)[...]
        }
        guard !output.isEmpty else { return false }
        switch channel {
        case .null:
            output = []
        case .stream(let descriptor):
            return write(to: descriptor) { _ in output = [] }
        case .pseudoTerminal(let descriptor):
            if token == nil {
                output = []
            } else {
                return write(to: descriptor) { _ in output = [] }
            }
        case .file(let descriptor, let name):
            let isWritten = write(to: descriptor) { error in
                complain("\(option) file:\(name): \(error.errno); the guest's output waits until it can be written")
            }
            if !isWritten {
                retryLater()
            }
            return isWritten
        }
        return true
    }

    private func write(to descriptor: FileDescriptor, onError: (SystemCallError) -> Void) -> Bool {
        do throws(SystemCallError) {
            let count = try ByteStream.write(descriptor, output)
            output = output.dropFirst(count)
            if count > 0 {
                complaint = nil
            }
            return count > 0
        } catch {
            onError(error)
            return output.isEmpty
        }
    }

    private func complain(_ text: String) {
        if complaint != text {
            complaint = text
            events(.warning(text))
        }
    }

    // MARK: Input

    /// Begins to wait for the channel.
    private func listen() throws(SystemCallError) {
        switch channel {
        case .null, .file: break
        case .stream(let descriptor):
            token = try loop.add(descriptor, .readable) { [unowned self] readiness in serve(readiness) }
        case .pseudoTerminal(let descriptor):
            if ByteStream.isHungUp(descriptor) {
                retryLater()
            } else {
                token = try loop.add(descriptor, .readable) { [unowned self] readiness in serve(readiness) }
            }
        }
    }

    private func serve(_ readiness: EventLoop.Readiness) {
        if !readiness.isDisjoint(with: [.readable, .closed]), input.isEmpty, !isInputAtEnd {
            readInput()
        } else if !readiness.isDisjoint(with: .closed) {
            // It is reported again and again, whatever is waited for.
            hangUp()
        }
        transfer()
    }

    private func readInput() {
        let descriptor: FileDescriptor
        switch channel {
        case .null, .file: return
        case .stream(let stream): descriptor = stream
        case .pseudoTerminal(let master): descriptor = master
        }
        switch try? ByteStream.read(descriptor, limit: Self.chunk) {
        case .bytes(let bytes): input = bytes
        case .wouldBlock: break
        case .end where isStream: isInputAtEnd = true
        case .end, nil: hangUp()
        }
    }

    /// The other end is gone: a pseudo-terminal's may come back.
    private func hangUp() {
        if let token {
            loop.remove(token)
        }
        token = nil
        if isStream {
            isHungUp = true
        } else {
            retryLater()
        }
    }

    private var isStream: Bool {
        if case .stream = channel { true } else { false }
    }

    /// Gives the guest what it takes. Nobody says that there is more where the other end is gone.
    private func feedInput() {
        repeat {
            if input.isEmpty, isHungUp, !isInputAtEnd {
                readInput()
            }
            guard !input.isEmpty else { return }
            input.removeFirst(port.receive(input))
        } while input.isEmpty
    }

    /// Waits for input while there is none left over, and for room while output waits.
    private func updateInterest() {
        guard let token else { return }
        var interest: EventLoop.Readiness = []
        if input.isEmpty && !isInputAtEnd { interest.insert(.readable) }
        if !output.isEmpty { interest.insert(.writable) }
        // It can only fail for a descriptor that is not there any more, and then nothing is left to wait for.
        try? loop.modify(token, interest)
    }

    private func retryLater() {
        guard retry == nil else { return }
        retry = loop.schedule(afterMilliseconds: Self.retryDelay) { [unowned self] in
            retry = nil
            if token == nil {
                try? listen()
            }
            transfer()
        }
    }
}
