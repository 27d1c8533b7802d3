import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// The guest agent: does in a guest what the host asks for.
let isFirst = getpid() == 1
if isFirst {
    // The first process may find nothing to begin with: no streams, and no files to put in their places.
    FirstProcess.prepareSystem()
} else {
    ProcessImage.reserveStandardDescriptors()
}
ignoreBrokenPipes()

let options: AgentOptions
do {
    options = try AgentOptions(Array(ProcessImage.arguments.dropFirst()))
} catch {
    tell(error.text)
    exit(AgentStatus.usage)
}
if options.showsHelp {
    print(AgentOptions.help)
    exit(AgentStatus.success)
}

var listener: AgentListener?
do {
    listener = try AgentListener(options.listen)
} catch {
    // A guest without vsock is no mistake of anybody's.
    let missing: [Errno] = [.noSuchFileOrDirectory, .operationNotSupportedByDevice, .addressFamilyNotSupported]
    let isUnavailable = missing.contains(error.errno)
    if !isUnavailable {
        tell("\(options.listen): \(error)")
    }
    // The first process has other duties, and its end is the end of the kernel.
    guard isFirst else { exit(isUnavailable ? AgentStatus.unavailable : AgentStatus.failure) }
}
do {
    let server = try AgentServer(listener, isFirst: isFirst, limits: .raise())
    try server.run()
} catch {
    tell("\(error)")
    guard isFirst else { exit(AgentStatus.failure) }
    FirstProcess.reapForEver()
}
