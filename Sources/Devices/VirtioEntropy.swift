import Host
import Virtio

/// The entropy device (virtio specification, 5.4): a guest's requests are filled with the host's random bytes.
public struct VirtioEntropy: VirtioDevice {
    public let deviceID: UInt32 = 4
    public let features: UInt64 = 0
    public let queueSizes: [UInt16] = [64]

    /// As much as a request gets at once, whatever it has room for: a device may leave the rest (5.4.6.2), and a guest
    /// that asks for gigabytes keeps nobody waiting.
    private var bytes = [UInt8](repeating: 0, count: 4096)

    public init() {}

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        while let chain = try queue.nextChain() {
            let count = Int(min(chain.writableLength, UInt64(bytes.count)))
            RandomBytes.fill(first: count, of: &bytes)
            try queue.write(unsafe bytes.span.extracting(first: count).bytes, at: 0, of: chain)
            try queue.complete(chain, written: UInt32(count))
        }
    }
}
