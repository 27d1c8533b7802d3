/// A queue as the transport knows it: what the driver writes about it, and the queue itself while it is ready.
@usableFromInline
@safe struct QueueSlot {
    let maximumSize: UInt16
    var setup = QueueSetup()
    var queue: SplitQueue? {
        didSet { unsafe reference = queue.map { unsafe Unmanaged.passUnretained($0) } }
    }
    /// The same, for a turn, in which the slot keeps it: its references need not be counted for each request.
    @usableFromInline private(set) var reference: Unmanaged<SplitQueue>?

    init(maximumSize: UInt16) {
        self.maximumSize = maximumSize
    }
}
