import Configuration
import GuestMemory
import Host
import SystemPackage

/// The guest memory that a configuration asks for, out of what its backends say.
enum MachineMemory {
    /// Boot memory, ready for the guest. What has no hole in between is one region, whatever nodes it belongs to.
    ///
    /// - Parameter isCancelled: asked while memory is populated, which takes its time: true ends it.
    static func makeBootMemory(
        _ configuration: MachineConfiguration, _ layout: MachineLayout, isCancelled: () -> Bool
    ) throws(MachineError) -> [GuestMemoryRegion] {
        var ranges: [(start: UInt64, end: UInt64)] = []
        for range in layout.ramRanges {
            if let last = ranges.last, last.end == range.start {
                ranges[ranges.count - 1].end = range.end
            } else {
                ranges.append((range.start, range.end))
            }
        }
        let backend = configuration.memoryBackend
        let option = "--memory \(ByteSize(configuration.memory))"
        var backing = try backend.makeBacking(size: configuration.memory, name: "ram", option: option)
        var regions: [GuestMemoryRegion] = []
        for range in ranges {
            let size = range.end - range.start
            let region = try makeRegion("ram", range.start, size, backing, .readWrite, option: option)
            // One file holds all of it.
            backing.fileOffset += size
            if backend.prealloc {
                try populate(region, option: option, isCancelled: isCancelled)
            }
            regions.append(region)
        }
        return regions
    }

    /// The regions of memory devices, in the order of the configuration, with nothing accessible.
    static func makeDeviceRegions(
        _ configuration: MachineConfiguration, _ layout: MachineLayout
    ) throws(MachineError) -> [GuestMemoryRegion] {
        var regions: [GuestMemoryRegion] = []
        for (device, place) in zip(configuration.memoryDevices, layout.memoryDeviceRegions) {
            let option = "--virtio-mem \(device.id)"
            var backing = try device.backend.makeBacking(size: device.size, name: device.id, option: option)
            // Linux (since 6.18 also where nothing may be accessed) makes huge pages of a few pages that are populated:
            // it could populate unplugged blocks beside one whose memory is about to be discarded.
            if device.blockSize < transparentHugePageSize { backing.transparentHugePages = false }
            regions.append(
                try makeRegion(device.id, place.start, device.size, backing, .inaccessible, option: option))
        }
        return regions
    }

    /// Brings boot memory back to zeroes, by the means that fit its backend.
    ///
    /// - Throws: `SystemCallError` where the host refuses that.
    static func clear(_ regions: [GuestMemoryRegion], of memory: GuestMemory, backend: MemoryBackend)
        throws(SystemCallError)
    {
        for region in regions {
            // What was populated stays so: somebody else could take it in between.
            if backend.prealloc, (try? memory.fill(at: region.start, count: region.size)) != nil {
                continue
            }
            try region.mapping.discard(0..<region.size)
            if backend.prealloc {
                try region.mapping.populate(0..<region.size)
            }
        }
    }

    private static func makeRegion(
        _ name: String, _ start: UInt64, _ size: UInt64, _ backing: MemoryBacking,
        _ protection: MemoryMapping.Protection, option: String
    ) throws(MachineError) -> GuestMemoryRegion {
        do throws(SystemCallError) {
            return try GuestMemoryRegion(
                name: name, start: GuestAddress(start), size: size, backing: backing, protection: protection)
        } catch {
            throw .configuration(ConfigurationError(option, explanation(of: error, size, backing)))
        }
    }

    /// Bytes that are populated between two looks at whether that shall end.
    private static let populateStep: UInt64 = 64 << 20

    private static func populate(
        _ region: GuestMemoryRegion, option: String, isCancelled: () -> Bool
    ) throws(MachineError) {
        do throws(SystemCallError) {
            // All of it, before any is taken in vain.
            try region.mapping.checkRoom(for: region.size)
            for start in stride(from: 0, to: region.size, by: Int(populateStep)) {
                if isCancelled() { break }
                try region.mapping.populate(start..<min(start + populateStep, region.size))
            }
        } catch {
            throw .configuration(ConfigurationError(option, "prealloc=on: this host lacks the memory: \(error)"))
        }
        if isCancelled() { throw .ended }
    }

    private static func explanation(of error: SystemCallError, _ size: UInt64, _ backing: MemoryBacking) -> String {
        switch (error.call, error.errno) {
        case ("mmap", .noMemory) where backing.pageSize > hostPageSize:
            let page = ByteSize(backing.pageSize)
            return "reserve=on: the host's pool has not enough free pages of \(page) for \(ByteSize(size))"
                + " ('swiftlet doctor' shows it)"
        case ("fallocate", .noSpace):
            return "reserve=on: the file system has no room for \(ByteSize(size))"
        case ("mbind", _): return "host-nodes: this host's kernel refuses them: \(error)"
        default: return "this host can't reserve a region of \(ByteSize(size)): \(error.errno)"
        }
    }
}

extension MemoryBackend {
    /// What the host is to make memory of: files are opened or made here, unless somebody has done that.
    ///
    /// - Parameters:
    ///   - size: bytes of the memory.
    ///   - name: what it is called in `/proc/PID/maps`.
    ///   - option: how messages name what the memory is for.
    func makeBacking(size: UInt64, name: String, option: String) throws(MachineError) -> MemoryBacking {
        let placement = try placement(option: option)
        do throws(MemoryFileError) {
            return MemoryBacking(
                file: try makeFile(size: size, name: name), isShared: isShared,
                transparentHugePages: transparentHugePages, reserve: reserve, placement: placement)
        } catch {
            let place = path.map { "path \($0): " } ?? ""
            throw .configuration(ConfigurationError(option, "\(place)\(error)"))
        }
    }

    private func makeFile(size: UInt64, name: String) throws(MemoryFileError) -> MemoryFile? {
        let hugePageSize = kind == .hugetlbfs ? pageSize : nil
        if let path {
            return try MemoryFile(try openFile(FilePath(path), hugePageSize: hugePageSize), size: size)
        }
        return kind == .anonymous
            ? nil : try MemoryFile(inMemory: "swiftlet-\(name)", size: size, hugePageSize: hugePageSize)
    }

    private func openFile(
        _ path: FilePath, hugePageSize: UInt64?
    ) throws(MemoryFileError) -> OwnedFileDescriptor {
        guard let descriptor else { return try MemoryFile.open(path, hugePageSize: hugePageSize) }
        do {
            return try OwnedFileDescriptor(duplicating: FileDescriptor(rawValue: descriptor))
        } catch {
            throw .host(error)
        }
    }

    private func placement(option: String) throws(MachineError) -> MemoryBacking.Placement? {
        guard !hostNodes.isEmpty else { return nil }
        let known = HostNode.withMemory
        if let missing = hostNodes.first(where: { !known.contains($0) }) {
            let list = known.map { "\($0)" }.joined(separator: ", ")
            throw .configuration(
                ConfigurationError(option, "host-nodes \(missing): this host's nodes with memory are \(list)"))
        }
        let policy: MemoryBacking.Placement.Policy =
            switch policy {
            case .bind: .bind
            case .preferred: .preferred
            case .interleave: .interleave
            }
        return MemoryBacking.Placement(policy, nodes: hostNodes)
    }
}
