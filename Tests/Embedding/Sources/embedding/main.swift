import Configuration
import Glibc
import KernelImage
import Machine

// The directory with a guest, as GuestImages/build makes one: vmlinuz and initrd.
let guest = CommandLine.arguments[1]
try Machine.installProcessHandlers()

// Configure: two vCPUs, 256 MiB to boot, and a device that can add up to 4 GiB.
let configuration = MachineConfiguration(
    processors: 2, memory: .mebibytes(256), memoryDevices: [MemoryDevice(id: "vm0", size: .gibibytes(4))])
let kernel = try KernelImage(opening: "\(guest)/vmlinuz")
let initrd = try BootSource.InitialRAMDisk(opening: "\(guest)/initrd")

// Start.
let boot = BootSource(kernel: kernel.descriptor, layout: kernel.layout, initialRAMDisk: initrd)
let machine = try Machine(configuration, boot: boot) { event in print(event) }
try machine.resume()

// Resize: the guest's driver plugs what is requested as soon as it is loaded.
try machine.setRequestedSize(.gibibytes(1), of: "vm0")
while try machine.memoryDevices()[0].pluggedSize < .gibibytes(1) {
    usleep(100_000)
}

// Stop.
machine.stop()
