# Untested: Conan is not part of Debian, and nothing here runs it. From the root of a checkout:
#   conan create packaging/conan
import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy
from conan.tools.gnu import PkgConfigDeps


class GuidonConan(ConanFile):
    name = "guidon"
    version = "0.1.0"
    license = "Apache-2.0"
    description = "Evaluates feature flags and experiments inside the application, against rules streamed from a Guidon server"
    settings = "os", "compiler", "build_type", "arch"
    package_type = "static-library"
    requires = (
        "cpp-httplib/[>=0.11 <1]",
        "openssl/[>=3 <4]",
        "re2/[>=20220601]",
        "simdjson/[>=3 <4]",
        "tl-expected/[>=1 <2]",
        "xxhash/[>=0.8 <1]",
        "zlib/[>=1.2 <2]",
    )

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "core/*", "net/*", "sdk/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("SERVER", "TESTS", "BENCH", "EXAMPLES"):
            toolchain.variables[f"GUIDON_BUILD_{part}"] = False
        toolchain.variables["GUIDON_INSTALL"] = True
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        # The package brings its own CMake files.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs.append(os.path.join("lib", "cmake", "guidon"))
