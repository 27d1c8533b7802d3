import Host
import SystemPackage

/// Standard input and output: the guest's console, another session such as the monitor, or both in turns. It belongs
/// to the main loop.
public final class Console {
    private enum Focus {
        case guest
        case session
    }

    private let loop: EventLoop
    private let input: OwnedFileDescriptor
    private let output: OwnedFileDescriptor
    private let isTerminal: Bool
    private let texts: ConsoleTexts
    private let onQuit: () -> Void
    private let onHangUp: () -> Void
    /// Where output goes.
    public let screen: OutputStream
    /// Our end of the channel to the guest's serial port or virtio console; nil where that is connected elsewhere.
    private let guest: FileDescriptor?
    private let guestInput: OutputStream?
    private var session: (any ConsoleSession)?
    private var escapes = ConsoleEscapes()
    private var focus = Focus.guest
    private var inputToken: EventLoop.Token?
    private var guestToken: EventLoop.Token?
    private var isInputAtEnd = false

    /// Milliseconds that a reader of the last output is waited for.
    private static let patience: UInt64 = 5_000

    /// - Parameters:
    ///   - guest: our end of the channel to the serial port or the virtio console.
    ///   - onQuit: called when the person asks for the end.
    ///   - onHangUp: called when the other end of the channel is gone.
    public init(
        guest: FileDescriptor?, loop: EventLoop, texts: ConsoleTexts, onQuit: @escaping () -> Void,
        onHangUp: @escaping () -> Void = {}
    ) throws(SystemCallError) {
        self.loop = loop
        self.guest = guest
        self.texts = texts
        self.onQuit = onQuit
        self.onHangUp = onHangUp
        isTerminal = RawTerminal.isTerminal(.standardInput)
        input = try FileDescriptor.standardInput.reopenedWithoutBlocking(.readOnly)
        output = try FileDescriptor.standardOutput.reopenedWithoutBlocking(.writeOnly)
        screen = OutputStream(output.descriptor, loop: loop)
        guestInput = guest.map { OutputStream($0, loop: loop) }
        if isTerminal {
            try RawTerminal.enter(.standardInput)
        }
        screen.onRoom = { [unowned self] in waitForGuestOutput() }
        guestInput?.onRoom = { [unowned self] in waitForInput() }
        waitForGuestOutput()
    }

    /// Begins to pass input on.
    ///
    /// - Parameter makeSession: makes what standard input and output are for besides the guest's console, or alone; it
    ///   is told where output goes, and whether a person types at a raw terminal.
    public func start(_ makeSession: (OutputStream, _ echoes: Bool) -> (any ConsoleSession)? = { _, _ in nil }) {
        session = makeSession(screen, isTerminal)
        if guest == nil {
            focus = .session
            session?.begin()
        }
        waitForInput()
    }

    /// Shows what the machine still had to say, at the end of the process.
    public func finish() {
        if let guest {
            while case .bytes(let bytes) = try? ByteStream.read(guest) {
                screen.write(bytes)
            }
        }
        screen.flush(patience: Self.patience)
        RawTerminal.restore()
    }

    /// Gives the terminal back for as long as the process is stopped.
    public func suspend() {
        RawTerminal.restore()
    }

    /// Takes the terminal again after the process was stopped.
    public func resume() {
        if isTerminal {
            try? RawTerminal.enter(.standardInput)
        }
    }

    // MARK: Output

    private func waitForGuestOutput() {
        guard let guest, guestToken == nil else { return }
        guestToken = try? loop.add(guest, .readable) { [unowned self] _ in showGuestOutput() }
    }

    private func showGuestOutput() {
        guard let guest else { return }
        switch try? ByteStream.read(guest) {
        case .bytes(let bytes):
            screen.write(bytes)
            if screen.isCongested {
                // The guest waits for the reader, by way of its own buffers.
                stopGuestOutput()
            }
        case .wouldBlock: break
        case .end, nil:
            stopGuestOutput()
            onHangUp()
        }
    }

    private func stopGuestOutput() {
        if let guestToken {
            loop.remove(guestToken)
        }
        guestToken = nil
    }

    // MARK: Input

    private func waitForInput() {
        guard inputToken == nil, !isInputAtEnd else { return }
        inputToken = try? loop.add(input.descriptor, .readable) { [unowned self] _ in readInput() }
        if inputToken == nil {
            // A file is always ready, which epoll refuses to wait for.
            loop.schedule(afterMilliseconds: 0) { [unowned self] in
                readInput()
                if guestInput?.isCongested != true {
                    waitForInput()
                }
            }
        }
    }

    private func readInput() {
        switch try? ByteStream.read(input.descriptor) {
        case .bytes(let bytes):
            if isTerminal {
                escapes.parse(bytes).forEach(perform)
            } else {
                deliver(bytes)
            }
            if guestInput?.isCongested == true {
                stopInput()
            }
        case .wouldBlock: break
        case .end, nil:
            isInputAtEnd = true
            stopInput()
        }
    }

    private func stopInput() {
        if let inputToken {
            loop.remove(inputToken)
        }
        inputToken = nil
    }

    private func perform(_ action: ConsoleEscapes.Action) {
        switch action {
        case .input(let bytes): deliver(bytes)
        case .quit: onQuit()
        case .help: screen.write("\n" + texts.help)
        case .switchFocus: switchFocus()
        }
    }

    private func deliver(_ bytes: [UInt8]) {
        switch focus {
        case .guest: guestInput?.write(bytes)
        case .session: session?.receive(bytes)
        }
    }

    private func switchFocus() {
        switch focus {
        case _ where session == nil:
            screen.write("\n\(texts.withoutSession)\n")
        case _ where guest == nil:
            screen.write("\nno console here: it is connected elsewhere (--serial, --console)\n")
            session?.prompt()
        case .guest:
            focus = .session
            session?.prompt()
        case .session:
            focus = .guest
            screen.write("\n")
        }
    }
}
