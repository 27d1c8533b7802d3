/// What the guest agent and its clients agree on beside the frames: see `PROTOCOL.md`.
public enum AgentProtocol {
    /// Stands in every request. An agent answers those of another version with a failure that says which it speaks.
    public static let version: UInt16 = 1
    /// The vsock port at which an agent listens.
    public static let port: UInt32 = 1024
    /// Bytes in front of a frame's payload: its length (32 bits, little-endian) and its type.
    public static let headerSize = 5
    /// The most bytes that a payload has.
    public static let maximumPayload = 1 << 20
    /// The most bytes that a sender puts into a frame of data.
    public static let maximumData = 1 << 16
    /// How many bytes of input a client may send to a command before the agent grants more.
    public static let inputWindow = 1 << 18
    /// The most directories in each other that are copied.
    public static let maximumDepth = 200
}
