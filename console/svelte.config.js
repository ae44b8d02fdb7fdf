/** Accessibility warnings of the compiler stop the build, as every other warning of it does. */
export default {
  compilerOptions: { runes: ({ filename }) => (filename.includes('node_modules') ? undefined : true) },
  onwarn(warning) {
    if (warning.filename?.includes('node_modules')) return;
    throw new Error(`${warning.code} in ${warning.filename}:${warning.start?.line}: ${warning.message}`);
  },
};
