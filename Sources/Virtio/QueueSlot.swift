/// A queue as the transport knows it: what the driver writes about it, and the queue itself while it is ready.
struct QueueSlot {
    let maximumSize: UInt16
    var setup = QueueSetup()
    var queue: SplitQueue?

    init(maximumSize: UInt16) {
        self.maximumSize = maximumSize
    }
}
