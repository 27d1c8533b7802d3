/// What a server has with one of its clients: bytes in, and bytes out by a stream that it was made with.
public protocol Conversation: AnyObject {
    /// Whether it is over, by the server's own will.
    var hasEnded: Bool { get }
    /// Whether what its client sends has to wait, until the server is told to go on reading.
    var takesNoMore: Bool { get }
    /// Whether its client has said nothing yet, and has to make room for another where there is none.
    var isIdle: Bool { get }
    func begin()
    /// Takes what the client says: a few bytes at a time, so that one that does not read its answers is not given many.
    func receive(_ bytes: [UInt8])
}

extension Conversation {
    public var takesNoMore: Bool { false }
    public var isIdle: Bool { false }
}
