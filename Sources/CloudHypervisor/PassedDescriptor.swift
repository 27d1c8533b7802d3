/// A descriptor that a client passed along with a request. It is open as long as somebody has this object.
public protocol PassedDescriptor: AnyObject, Sendable {
    /// Its number in the server.
    var number: Int32 { get }
}
