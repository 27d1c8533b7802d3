import Configuration
import Host
import SystemPackage

/// The images and block devices of a machine's disks, opened and locked.
struct DiskFiles {
    /// The machine with its descriptors.
    private(set) var machine: MachineConfiguration
    /// What goes along to the process that holds the guest.
    private(set) var descriptors: [FileDescriptor] = []

    /// - Throws: `Refusal` for one that can't be a disk.
    init(opening machine: MachineConfiguration) throws {
        self.machine = machine
        for (index, disk) in machine.disks.enumerated() {
            let file: FileDescriptor
            do {
                file = try DiskFile.open(
                    FilePath(disk.path), writes: !disk.isReadOnly, direct: disk.isDirect
                ).release()
            } catch {
                throw Refusal("--disk \(disk.id): path \(disk.path): \(error)")
            }
            descriptors.append(file)
            self.machine.disks[index].descriptor = file.rawValue
        }
    }
}
