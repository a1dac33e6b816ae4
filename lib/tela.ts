/**
 * A tela: stdout e stderr. Escrever não falha, nem espera por quem a lê.
 *
 * ```ts
 * import { abrirTela } from "./tela.ts";
 *
 * const tela = abrirTela();
 * tela.erro("isto vai para stderr");
 * await tela.esvaziar();
 * ```
 *
 * @module
 */

import { abrirSaida } from "./saida.ts";
import { textoDoErro } from "./texto.ts";

/**
 * Entre duas escritas em stdout, em milissegundos. A primeira linha sai logo; as que vêm atrás dela
 * vão juntas na seguinte: cada escrita acorda outra thread, e uma por linha custaria caro.
 */
const TELA_INTERVALO_MS = 25;

/** Caracteres à espera de uma saída que ninguém lê; além, as linhas novas se perdem e são contadas. */
const TELA_MAX = 16 * 1024 * 1024;

/** Quanto se espera, antes de sair, por quem não lê a saída, em milissegundos. */
const DESPEDIDA_MS = 1_000;

/** A tela; ver {@linkcode abrirTela}. */
export interface Tela {
  /** Uma linha em stdout. */
  linha(texto: string): void;
  /** Uma linha em stderr. */
  erro(texto: string): void;
  /** O mesmo, com a data e a hora (ISO 8601, UTC) à frente se stderr não é um terminal. */
  aviso(texto: string): void;
  /** Espera que tudo tenha sido escrito. */
  esvaziar(): Promise<void>;
  /** O mesmo, antes de sair: por quem não lê a saída espera-se pouco. */
  despedir(): Promise<void>;
}

/** Abre a tela. As linhas de stdout que chegam perto umas das outras saem numa escrita só. */
export function abrirTela(): Tela {
  const stderr = abrirSaida(Deno.stderr);
  const emTerminal = Deno.stderr.isTerminal();
  const stdout = abrirSaida(Deno.stdout, {
    aoFalhar: (erro) =>
      stderr.enviar(`Aviso: as linhas não podem ser mostradas: ${textoDoErro(erro)}`),
  });
  let linhas: string[] = [];
  let caracteres = 0;
  let perdidas = 0;
  let marcada: ReturnType<typeof setTimeout> | undefined;
  let proxima = 0;

  function marcar() {
    const agora = performance.now();
    proxima = Math.max(agora, proxima + TELA_INTERVALO_MS);
    marcada = setTimeout(soltar, proxima - agora);
  }

  function soltar() {
    clearTimeout(marcada);
    marcada = undefined;
    if (linhas.length > 0) stdout.enviar(linhas.join("\n"));
    linhas = [];
    caracteres = 0;
  }

  async function esvaziar() {
    soltar();
    await stdout.esvaziar();
    await stderr.esvaziar();
  }

  function erro(texto: string) {
    if (stderr.fila <= TELA_MAX) stderr.enviar(texto);
  }

  return {
    linha(texto) {
      if (stdout.fila + caracteres > TELA_MAX) return void perdidas++;
      if (perdidas > 0) {
        stderr.enviar(`Aviso: ${perdidas} linhas não foram mostradas: a console não era lida`);
        perdidas = 0;
      }
      linhas.push(texto);
      caracteres += texto.length + 1;
      if (marcada === undefined) marcar();
    },
    erro,
    aviso: (texto) => erro(emTerminal ? texto : `${new Date().toISOString()} ${texto}`),
    esvaziar,
    async despedir() {
      let temporizador: ReturnType<typeof setTimeout> | undefined;
      const demora = new Promise((resolver) => temporizador = setTimeout(resolver, DESPEDIDA_MS));
      await Promise.race([esvaziar(), demora]);
      clearTimeout(temporizador);
    },
  };
}
