import Virtio

/// A 16550A serial port (National Semiconductor PC16550D data sheet), as Linux's 8250 driver expects it, without a
/// line: bytes are on their way as soon as they are written, and the speed does not matter.
///
/// This is the logic alone. The owner keeps it under a lock, passes on register accesses, takes the output and gives
/// the input. Output goes to a buffer with a limit. Well before it is full the transmitter says that it is busy, so that
/// a guest waits as it would for a slow line; no byte is lost, no virtual processor is held up. (A driver that loses
/// patience and writes to a busy transmitter still has the rest of the buffer: Linux's printk writes a byte after 10
/// milliseconds of waiting.)
///
/// The interrupt is edge-triggered, as on a PC. A pulse is sent whenever the set of pending interrupts changes and is
/// not empty: for a new reason beside others, and for reasons that remain when one has been dealt with. So a handler
/// that deals with one reason an interrupt works as well as one that loops.
public struct Serial16550: PortDevice, Sendable {
    /// How many ports it has.
    public static let portCount: UInt16 = 8

    /// How many bytes the receiver's and the transmitter's FIFO hold.
    static let fifoSize = 16

    let interrupt: any InterruptLine
    private let onOutput: @Sendable () -> Void
    private let onInputRoom: @Sendable () -> Void

    var interruptEnable: UInt8 = 0
    var isFIFOEnabled = false
    var receiveTrigger = 1
    var lineControl: UInt8 = 0
    var modemControl: UInt8 = 0
    var modemStatusChanges: UInt8 = 0
    var scratch: UInt8 = 0
    var divisor = Self.initialDivisor
    var hasOverrun = false
    /// The transmitter has become empty and nobody has taken notice yet.
    var isTransmitInterruptPending = false
    var received = ByteRing(capacity: Self.fifoSize)

    private var output: ByteRing
    private var isTransmitterBusy = false
    private var hasRefusedInput = false
    /// What was pending when the line was last looked at.
    private var signalled: InterruptSources = []

    /// Bytes that a guest wrote to a busy transmitter when the buffer was full to its end; they are lost.
    public private(set) var lostOutput: UInt64 = 0

    private static let initialDivisor: UInt16 = 12  // 9600 baud

    /// - Parameters:
    ///   - interrupt: the line to pulse.
    ///   - outputLimit: bytes of output that are kept for the owner, at least 64. The transmitter is busy from three
    ///     quarters of them until half of them.
    ///   - onOutput: called when there is output and was none before.
    ///   - onInputRoom: called when the receiver is empty after it had refused input.
    ///
    /// Both are called under the owner's lock, so they do no more than wake somebody.
    public init(
        interrupt: any InterruptLine, outputLimit: Int = 1 << 16, onOutput: @escaping @Sendable () -> Void,
        onInputRoom: @escaping @Sendable () -> Void
    ) {
        precondition(outputLimit >= 4 * Self.fifoSize, "room for \(outputLimit) bytes is less than a few bursts")
        self.interrupt = interrupt
        self.onOutput = onOutput
        self.onInputRoom = onInputRoom
        output = ByteRing(capacity: outputLimit)
    }

    /// Puts the registers into the state after power-on. Output that has not been taken stays.
    public mutating func reset() {
        interruptEnable = 0
        isFIFOEnabled = false
        receiveTrigger = 1
        lineControl = 0
        modemControl = 0
        modemStatusChanges = 0
        scratch = 0
        divisor = Self.initialDivisor
        hasOverrun = false
        isTransmitInterruptPending = false
        received.removeAll()
        updateInterrupt()
        reportInputRoom()
    }
}

// Output: from the guest to the owner.
extension Serial16550 {
    /// Whether there is output to take.
    public var hasOutput: Bool { !output.isEmpty }

    /// Moves at most `limit` bytes of output to the end of an array. May interrupt the guest: there is room again.
    public mutating func takeOutput(upTo limit: Int, appendingTo bytes: inout [UInt8]) {
        output.removeFirst(limit, appendingTo: &bytes)
        guard isTransmitterBusy, output.count <= output.capacity / 2 else { return }
        isTransmitterBusy = false
        isTransmitInterruptPending = true
        updateInterrupt()
    }

    /// Whether the transmitter takes a burst of bytes without a loss.
    var isTransmitterEmpty: Bool { isLoopedBack || !isTransmitterBusy }

    mutating func transmit(_ byte: UInt8) {
        let wasEmpty = output.isEmpty
        if !output.append(byte) { lostOutput += 1 }
        if output.count >= output.capacity / 4 * 3 { isTransmitterBusy = true }
        isTransmitInterruptPending = isTransmitterEmpty
        if wasEmpty { onOutput() }
    }
}

// Input: from the owner to the guest.
extension Serial16550 {
    /// How many bytes `receive` would take now.
    public var inputRoom: Int {
        isLoopedBack ? 0 : max(0, receiverSize - received.count)
    }

    /// Gives input to the guest.
    ///
    /// - Returns: how many bytes were taken, from the start. The owner keeps the rest until it is told of room.
    public mutating func receive(_ bytes: Span<UInt8>) -> Int {
        let taken = min(inputRoom, bytes.count)
        for index in 0..<taken {
            _ = received.append(bytes[index])
        }
        if taken < bytes.count { hasRefusedInput = true }
        if taken > 0 {
            // Worth an edge of its own, in case the guest lost the last one.
            signalled.remove(.receivedData)
            updateInterrupt()
        }
        return taken
    }

    /// How many bytes the receiver holds at most.
    var receiverSize: Int { isFIFOEnabled ? Self.fifoSize : 1 }

    /// Tells the owner that the receiver is empty, if it waits for that.
    mutating func reportInputRoom() {
        guard hasRefusedInput, received.isEmpty, !isLoopedBack else { return }
        hasRefusedInput = false
        onInputRoom()
    }
}

// Interrupts.
extension Serial16550 {
    /// Reasons to interrupt.
    struct InterruptSources: OptionSet {
        var rawValue: UInt8

        static let lineStatus = InterruptSources(rawValue: 1 << 0)
        static let receivedData = InterruptSources(rawValue: 1 << 1)
        static let transmitterEmpty = InterruptSources(rawValue: 1 << 2)
        static let modemStatus = InterruptSources(rawValue: 1 << 3)
    }

    /// The reasons that exist now and are enabled.
    var pending: InterruptSources {
        var sources: InterruptSources = []
        if interruptEnable & InterruptEnable.lineStatus != 0, hasOverrun { sources.insert(.lineStatus) }
        if interruptEnable & InterruptEnable.receivedData != 0, !received.isEmpty { sources.insert(.receivedData) }
        if interruptEnable & InterruptEnable.transmitterEmpty != 0, isTransmitInterruptPending {
            sources.insert(.transmitterEmpty)
        }
        if interruptEnable & InterruptEnable.modemStatus != 0, modemStatusChanges != 0 { sources.insert(.modemStatus) }
        return sources
    }

    /// Sends an edge where one is due. Called after everything that may change what is pending.
    mutating func updateInterrupt() {
        let now = pending
        if !now.isEmpty && now != signalled { interrupt.pulse() }
        signalled = now
    }

    /// Makes the next update send an edge for an empty transmitter though it was pending before.
    mutating func forgetTransmitInterrupt() {
        signalled.remove(.transmitterEmpty)
    }
}
