/**
 * Copiar a tabela de um servidor no ar, como uma ferramenta SQLite: noutro processo, porque o
 * `node:sqlite` só o deixa fazer a quem tem todas as permissões.
 *
 * @module
 */

import { assert } from "@std/assert";

/** As duas maneiras que o SQLite tem. */
const MANEIRAS = {
  vacuum: `new DatabaseSync(de).prepare("VACUUM INTO ?").run(para);`,
  paginas: `await backup(new DatabaseSync(de), para);`,
};

/** Copia um banco, em uso ou não; `paginas` é o `.backup` da ferramenta. */
export async function copiarNoAr(
  de: string,
  para: string,
  maneira: keyof typeof MANEIRAS = "vacuum",
): Promise<void> {
  const programa = `
    import { backup, DatabaseSync } from "node:sqlite";
    const [de, para] = Deno.args;
    ${MANEIRAS[maneira]}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "-q", programa, de, para],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}
