import Foundation
import Testing

/// Where the tests run, and where what they run is.
enum TestHost {
    static let environment = ProcessInfo.processInfo.environment

    /// Whether Linux guests can run here: Tools/kvm-host says so.
    static let runsGuests = environment["KVM_HOST"] != nil

    static let isRoot = geteuid() == 0

    /// The `swiftlet` that is tested: `SWIFTLET_BIN`, or the one that was built with the tests.
    static let swiftlet: String = {
        if let path = environment["SWIFTLET_BIN"] {
            return path
        }
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("swiftlet").path
    }()

    /// Where GuestImages/build puts guests.
    static let guestImages: String = {
        if let cache = environment["SWIFTLET_CACHE"], !cache.isEmpty {
            return cache + "/guest"
        }
        if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty {
            return cache + "/swiftlet/guest"
        }
        return (environment["HOME"] ?? "") + "/.cache/swiftlet/guest"
    }()
}

extension Trait where Self == ConditionTrait {
    /// Skips where Linux guests can't run.
    static var needsKVMHost: Self {
        .enabled(if: TestHost.runsGuests, "needs a host that runs Linux guests: Tools/kvm-host")
    }

    /// Skips where the test has no right to change what another user may do.
    static var needsRoot: Self {
        .enabled(if: TestHost.isRoot, "needs root, to become a user without rights")
    }
}
