import CFuzzer
import Glibc
import GuestMemory

/// Runs libFuzzer on the target that an environment variable names: unlike arguments, the processes that libFuzzer
/// starts inherit it. Tools/fuzz builds and runs this.
@main struct FuzzMain {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { data, count in
                var input = InputReader(UnsafeRawBufferPointer(start: data, count: count))
                unsafe currentTarget.run(&input)
                return 0
            })
    }
}

/// Made at the first input, when libFuzzer has installed its signal handlers: those of guest memory pass on to them
/// what is not their own. libFuzzer calls from one thread.
nonisolated(unsafe) private let currentTarget: any FuzzTarget = {
    let name = environmentVariable("SWIFTLET_FUZZ_TARGET")
    return demand("the target can be made") {
        try GuestMemory.installProcessHandlers()
        switch name {
        case "virtqueue": return try VirtqueueTarget()
        case "mmio": return try MMIOTarget()
        case "memory-device": return try MemoryDeviceTarget()
        case "block": return try BlockTarget()
        case "console": return try ConsoleTarget()
        case "balloon": return try BalloonTarget()
        case "rng": return try EntropyTarget()
        case "fs": return try FileSystemTarget()
        case "net": return try NetTarget()
        case "vsock": return try VsockTarget()
        default: fatalError("SWIFTLET_FUZZ_TARGET=\(name ?? ""): no such target")
        }
    }
}()

/// Whether each target's idea of what is right has a mistake in a remote corner. A fuzzer that works finds it.
let hasPlantedBug = environmentVariable("SWIFTLET_FUZZ_PLANT") != nil

private func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
