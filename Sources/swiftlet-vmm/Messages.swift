import Host
import SystemPackage

/// Writes a message for the user to standard error, as one line or more.
func printError(_ text: String) {
    // Where even that is gone, nobody is there to be told.
    _ = try? FileDescriptor.standardError.writeAll(("swiftlet: " + text + "\n").utf8)
}
