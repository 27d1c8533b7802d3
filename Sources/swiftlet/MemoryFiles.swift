import Configuration
import Host
import SystemPackage

/// The files that a machine's memory is made of, opened.
struct MemoryFiles {
    /// The machine with its descriptors.
    private(set) var machine: MachineConfiguration
    /// What goes along to the process that holds the guest.
    private(set) var descriptors: [FileDescriptor] = []
    /// What is odd about them.
    private(set) var warnings: [String] = []

    /// Opens a file for each backend that has a path.
    ///
    /// - Throws: `Refusal` for one that can't back memory; a file that holds data keeps it.
    init(opening machine: MachineConfiguration) throws {
        self.machine = machine
        self.machine.memoryBackend = try open(
            machine.memoryBackend, size: machine.memory, option: "--memory \(ByteSize(machine.memory))")
        for (index, device) in machine.memoryDevices.enumerated() {
            self.machine.memoryDevices[index].backend = try open(
                device.backend, size: device.size, option: "--virtio-mem \(device.id)")
        }
    }

    private mutating func open(_ backend: MemoryBackend, size: UInt64, option: String) throws -> MemoryBackend {
        guard let path = backend.path else { return backend }
        let file: FileDescriptor
        do {
            file = try MemoryFile.open(
                FilePath(path), hugePageSize: backend.kind == .hugetlbfs ? backend.pageSize : nil
            ).release()
        } catch {
            throw Refusal("\(option): path \(path): \(error)")
        }
        if let room = MemoryFile.room(for: file), room < size {
            let problem = "the file system has room for \(ByteSize(room & ~0xf_ffff)) of \(ByteSize(size))"
            guard !backend.reserve else { throw Refusal("\(option): reserve=on: path \(path): \(problem)") }
            warnings.append("\(option): path \(path): \(problem): a guest that needs more is stopped")
        }
        descriptors.append(file)
        var opened = backend
        opened.descriptor = file.rawValue
        return opened
    }
}
