import Configuration

/// How much each memory device of a machine should have, so that they have so much together: what is added goes to the
/// node that is least full, what is taken away comes from the one that is fullest.
public struct MemorySpread: Sendable {
    /// Why there is no such spread.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case noDevices
        case tooMuch(most: UInt64)
        /// The sizes next to it that there are.
        case unreachable(below: UInt64, above: UInt64)

        public var description: String {
            switch self {
            case .noDevices: "the machine has no memory devices"
            case .tooMuch(let most): "the most that it can have is \(ByteSize(most))"
            case .unreachable(let below, let above):
                "the blocks of its devices allow \(ByteSize(below)) and \(ByteSize(above)), and nothing between"
            }
        }
    }

    /// Requested sizes in bytes, in the order of the devices.
    public let sizes: [UInt64]

    /// Linux adds and removes memory by that much at a time: less would leave pieces in all devices.
    private static let usualStep: UInt64 = 128 << 20
    /// Steps that a spread takes at most, about.
    private static let steps: UInt64 = 1024

    /// - Parameter total: bytes of all devices together.
    /// - Throws: `Failure`.
    public init(_ devices: [DeviceReport], total: UInt64) throws(Failure) {
        guard !devices.isEmpty else { throw .noDevices }
        let most = devices.reduce(0) { $0 + $1.maximumSize }
        guard total <= most else { throw .tooMuch(most: most) }
        var sizes = devices.map(\.requestedSize)
        var sum = sizes.reduce(0, +)
        var detours = 0
        var failure: Failure?
        while sum != total {
            let grows = sum < total
            let missing = grows ? total - sum : sum - total
            let most = max(Self.usualStep, missing / Self.steps)
            var change = Self.nextStep(devices, sizes, grows: grows, most: most, missing)
            if change == nil {
                let smallest = devices.map(\.blockSize).min() ?? 1
                failure =
                    failure
                    ?? (grows
                        ? .unreachable(below: sum, above: sum + smallest)
                        : .unreachable(below: sum - min(sum, smallest), above: sum))
                // One block too many, that devices with smaller ones make up for.
                if detours < devices.count { change = Self.smallestStep(devices, sizes, grows: grows) }
                detours += 1
            }
            guard let (index, step) = change else { throw failure ?? .noDevices }
            sizes[index] = grows ? sizes[index] + step : sizes[index] - step
            sum = grows ? sum + step : sum - step
        }
        self.sizes = sizes
    }

    /// The device of the smallest blocks that can change, and by one block.
    private static func smallestStep(
        _ devices: [DeviceReport], _ sizes: [UInt64], grows: Bool
    ) -> (index: Int, step: UInt64)? {
        devices.indices
            .filter { (grows ? devices[$0].maximumSize - sizes[$0] : sizes[$0]) >= devices[$0].blockSize }
            .min { devices[$0].blockSize < devices[$1].blockSize }
            .map { ($0, devices[$0].blockSize) }
    }

    /// The device to change next, and by how much; nil where no block of any fits.
    private static func nextStep(
        _ devices: [DeviceReport], _ sizes: [UInt64], grows: Bool, most: UInt64, _ missing: UInt64
    ) -> (index: Int, step: UInt64)? {
        var fullness: [UInt64: (size: UInt64, maximum: UInt64)] = [:]
        for (device, size) in zip(devices, sizes) {
            fullness[device.node, default: (0, 0)].size += size
            fullness[device.node, default: (0, 0)].maximum += device.maximumSize
        }
        let steps = devices.indices.compactMap { index -> (index: Int, step: UInt64, fullness: [Double])? in
            let device = devices[index]
            let room = grows ? device.maximumSize - sizes[index] : sizes[index]
            // At least a block, at most what fits.
            let step = min(room, missing, max(most, device.blockSize)) / device.blockSize * device.blockSize
            guard step > 0, let node = fullness[device.node] else { return nil }
            let own = Double(sizes[index]) / Double(device.maximumSize)
            return (index, step, [Double(node.size) / Double(node.maximum), own])
        }
        let isLess = { (left: [Double], right: [Double]) in left.lexicographicallyPrecedes(right) }
        let best =
            grows
            ? steps.min { isLess($0.fullness, $1.fullness) } : steps.max { isLess($0.fullness, $1.fullness) }
        return best.map { ($0.index, $0.step) }
    }
}
