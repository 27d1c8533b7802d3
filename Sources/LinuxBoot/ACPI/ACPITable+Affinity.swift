extension ACPITable {
    /// SRAT (ACPI specification 6.4, 5.2.16): which processors and which memory belong to which node.
    static func resourceAffinity(_ platform: ACPIPlatform) -> ACPITable {
        var body: [UInt8] = []
        body.append(littleEndian: UInt32(1))  // reserved, must be 1
        body.append(littleEndian: UInt64(0))
        for processor in platform.processors {
            body += affinity(of: processor)
        }
        for memory in platform.bootMemory where memory.size > 0 {
            body += affinity(of: memory, flags: 1)  // enabled
        }
        let known = platform.nodesOfItsOwn
        for memory in platform.deviceMemory where memory.size > 0 && !known.contains(memory.node) {
            body += affinity(of: memory, flags: 1 | 2)  // enabled, hot-pluggable
        }
        return ACPITable(signature: "SRAT", revision: 3, body: body)
    }

    /// SLIT (5.2.17): 10 within a node, 20 between nodes.
    static func localityDistances(_ platform: ACPIPlatform) -> ACPITable {
        let count = platform.nodeCount
        var body: [UInt8] = []
        body.append(littleEndian: count)
        for from in 0..<count {
            for to in 0..<count {
                body.append(from == to ? 10 : 20)
            }
        }
        return ACPITable(signature: "SLIT", revision: 1, body: body)
    }

    /// How many bytes the matrix of distances takes, to be looked at before it is made; it grows with the square of
    /// the highest node.
    static func distanceBodySize(_ platform: ACPIPlatform) -> UInt64 {
        let (size, overflow) = platform.nodeCount.multipliedReportingOverflow(by: platform.nodeCount)
        return overflow ? .max : size
    }

    private static func affinity(of processor: ACPIPlatform.Processor) -> [UInt8] {
        var bytes: [UInt8]
        if let apicID = processor.shortAPICID {
            bytes = [0, 16, UInt8(truncatingIfNeeded: processor.node), apicID]
            bytes.append(littleEndian: UInt32(1))  // enabled
            bytes.append(0)  // local SAPIC id
            // Bits 8 to 31 of the node.
            bytes.append(UInt8(truncatingIfNeeded: processor.node >> 8))
            bytes.append(UInt8(truncatingIfNeeded: processor.node >> 16))
            bytes.append(UInt8(truncatingIfNeeded: processor.node >> 24))
            bytes.append(littleEndian: UInt32(0))  // clock domain
        } else {
            bytes = [2, 24, 0, 0]
            bytes.append(littleEndian: processor.node)
            bytes.append(littleEndian: processor.apicID)
            bytes.append(littleEndian: UInt32(1))  // enabled
            bytes.append(littleEndian: UInt32(0))  // clock domain
            bytes.append(littleEndian: UInt32(0))
        }
        return bytes
    }

    private static func affinity(of memory: ACPIPlatform.NodeMemory, flags: UInt32) -> [UInt8] {
        var bytes: [UInt8] = [1, 40]
        bytes.append(littleEndian: memory.node)
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: memory.start)
        bytes.append(littleEndian: memory.size)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: flags)
        bytes.append(littleEndian: UInt64(0))
        return bytes
    }
}

extension ACPIPlatform {
    /// Nodes that a guest knows by their processors or boot memory.
    fileprivate var nodesOfItsOwn: Set<UInt32> {
        Set(processors.map(\.node)).union(bootMemory.lazy.filter { $0.size > 0 }.map(\.node))
    }

    /// One more than the highest node.
    fileprivate var nodeCount: UInt64 {
        let nodes = processors.map(\.node) + bootMemory.map(\.node) + deviceMemory.map(\.node)
        return UInt64(nodes.max() ?? 0) + 1
    }
}
