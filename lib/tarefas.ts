/**
 * As tarefas de um programa que para em ordem: nenhuma fica para trás, e o erro de uma não se
 * cala enquanto o programa trabalha.
 *
 * ```ts
 * import { abrirTarefas } from "./tarefas.ts";
 *
 * const parada = new AbortController();
 * const tarefas = abrirTarefas(parada.signal);
 * tarefas.guardar((async () => {
 *   await new Promise((resolver) => parada.signal.addEventListener("abort", resolver));
 *   throw new Error("parado no meio: já não importa");
 * })());
 * parada.abort();
 * await tarefas.acabarem();
 * ```
 *
 * @module
 */

/** Ver {@linkcode abrirTarefas}. */
export interface Tarefas {
  /** Guarda uma tarefa; se falha antes da parada, o erro é de quem a começou, e para o processo. */
  guardar(tarefa: Promise<void>): void;
  /** Espera que todas acabem. */
  acabarem(): Promise<unknown>;
}

/** As tarefas em curso até uma parada; depois dela, podem falhar. */
export function abrirTarefas(parada: AbortSignal): Tarefas {
  const emCurso = new Set<Promise<void>>();
  return {
    guardar(tarefa) {
      const guardada = tarefa.catch((erro) => {
        if (!parada.aborted) throw erro;
      }).finally(() => emCurso.delete(guardada));
      emCurso.add(guardada);
    },
    acabarem: () => Promise.all(emCurso),
  };
}
