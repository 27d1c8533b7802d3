import Host
import Virtio

/// The host's kernel, as it serves one pair of a network device's queues in the device's place (vhost).
public protocol NetworkKernel: AnyObject, Sendable {
    /// The virtio features that its queues can have.
    var features: UInt64 { get }

    /// Says what was negotiated.
    func setFeatures(_ features: UInt64) throws(SystemCallError)

    /// Has it serve a queue from now on.
    ///
    /// - Parameters:
    ///   - part: 0 for the queue that receives, 1 for the one that transmits.
    ///   - base: how many chains were taken from it.
    func start(_ part: Int, _ setup: QueueSetup, base: UInt16) throws(SystemCallError)

    /// Has it leave a queue alone; on return it has done so.
    ///
    /// - Returns: how many chains were taken from it.
    func stop(_ part: Int) -> UInt16
}
