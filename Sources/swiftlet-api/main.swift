import Configuration
import Glibc
import Host
import SystemPackage

// The server of Cloud Hypervisor's API, as `swiftlet vmm` starts it: see APIServerRequest.

ProcessImage.reserveStandardDescriptors()
ignoreBrokenPipes()

/// Tells the user why the server ends, and ends it.
func fail(_ error: any Error, status: CInt) -> Never {
    // Where even standard error is gone, nobody is there to be told.
    _ = try? FileDescriptor.standardError.writeAll("swiftlet-api: \(error)\n".utf8)
    exit(status)
}

let request: APIServerRequest
do {
    request = try APIServerRequest(arguments: ProcessImage.arguments.dropFirst())
} catch {
    fail(error, status: 64)
}

do {
    try ServerProcess(request).run()
} catch {
    fail(error, status: 1)
}
